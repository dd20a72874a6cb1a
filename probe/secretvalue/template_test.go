package secretvalue

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

func TestIsPlaceholder_TemplateWords(t *testing.T) {
	yes := []string{
		"changePassword", "changeEncryptionKey", "replaceThisPasswordNow1", "REPLACE_THIS_SECRET", "ChangeThisMercureHubJWTSecretKey", "!ChangeMe!", "change the password",
		"please-generate-a-long-random-string-here-ok", "your-super-secret-jwt-token-with-at-least-32-characters-long", "changethispassword", "pleasechangethis", "supersecret", "topSecret",
		"SuperSecretPassword", "generate.a.new.key", "set-a-strong-password-2024", "replace-with-your-acmecorp-key", "insertKey",
		"BITTE_AENDERN", "bitte-ändern", "BITTE-DIESES-PASSWORT-AENDERN", "PasswortHierEinsetzen", "bitteaendern", "geheimesPasswortBitteErsetzen", // German
		"A_REMPLIR", "à remplir", "remplacez_ce_mot_de_passe", "changezMoi", "MotDePasseAChanger", // French
		"cambiar_esta_contraseña", "CAMBIAME", "por-favor-cambie-la-clave", // Spanish
		"troque_esta_senha", "alterarSenha", "insiraSuaChaveAqui", // Portuguese
		"cambiami", "INSERISCI_LA_PASSWORD_QUI", // Italian
		"wijzig-dit-wachtwoord", "VUL_HIER_JE_SLEUTEL_IN", // Dutch
		"zmien_to_haslo", "zmień-hasło", "WpiszTutajHaslo", // Polish
		"zmente_toto_heslo", "změň heslo", // Czech
		"byt_detta_losenord", "ÄNDRA_LÖSENORDET", // Swedish
		"skift-denne-adgangskode", "udfyldes", // Danish
		"endre_dette_passordet", "SETT_INN_HEMMELIG_NØKKEL", // Norwegian
		"vaihda_tama_salasana", "VAIHDA-TÄMÄ", // Finnish
		"bu_sifreyi_degistirin", "lütfen-şifreyi-değiştirin", // Turkish
		"IhrSicheresPasswort", "geheimes-passwort", "votre-mot-de-passe", "contraseña-segura", "tu-contraseña", "sua_senha_aqui", "il-tuo-segreto", "twoje-haslo", "ваш_пароль",
		"dont-use-in-production", "insecure-dev-only", "fake-key-for-tests", "TestingSecretOnly",
		"ganti_kata_sandi_ini",  // Indonesian
		"thay_doi_mat_khau_nay", // Vietnamese
		"schimba_parola",        // Romanian
		"csereld_le_ezt_a_jelszot",
		"замените_этот_пароль", "ЗАМЕНИТЕ-ПАРОЛЬ", "zamenite_parol", // Russian
		"змініть_цей_пароль", "αλλάξτε-τον-κωδικό", "请修改密码", "请替换为你的密钥", "パスワードを変更してください", "비밀번호를_변경하세요", "यह_पासवर्ड_बदलें", "غيّر_كلمة_المرور",
	}
	for _, v := range yes {
		if !IsPlaceholder(v) {
			t.Errorf("%q is a placeholder", v)
		}
	}
	no := []string{
		"violin-change-otter-maple-quartz-72-lantern-brisk", "the change of seasons in autumn leaves", "replace seven otters quietly", "hunter2", "kQ9xxxW2vTodoL8pSecretZ1passwordq",
		"exchange-violin-lantern", "schluessel-otter-violine-nebel-quarz", "/changePassword", "unchanged-melody-violin-quartz", "ordnung-im-garten-mit-kaffee",
		"correct-horse-battery-staple", "secretary", "please-otter-change-password-quartz", "superman-violin-otter", "sunset-boulevard-otter", "ein-otter-spielt-violine",
	}
	for _, v := range no {
		if isTemplateText(v) {
			t.Errorf("%q is not a placeholder", v)
		}
	}
	for range 300 {
		b := make([]byte, 32)
		_, _ = rand.Read(b)
		for _, v := range []string{hex.EncodeToString(b), base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b[:9])} {
			if isTemplateText(v) {
				t.Errorf("random %q is not a placeholder", v)
			}
		}
	}
}

// Template words are a placeholder in a secret or in the password of a URL, not in other settings.
func TestIsBlankSetting_TemplateWords(t *testing.T) {
	for text, want := range map[string]bool{
		"BIDDER_API_KEY=changePassword": true, "SMTP_PASS=BITTE_AENDERN": true, "GPG_PASSPHRASE=remplacez-moi": true, "DATABASE_URL=postgres://u:troque_esta_senha@db/x": true,
		"BROKER=amqp://u:changePassword@mq": true, "NAME=CHANGE_ME": true, "HOST=<host>": true, "HOST=${PUBLIC_HOST}": true, "NAME=to be defined": true,
		"MAIL_SUBJECT=Passwort ändern": false, "MAIL_SUBJECT=Please change this password": false, "PASSWORD_MAIL_SUBJECT=Bitte Passwort ändern": false, "ROUTE=/changePassword": false,
		"PASSWORD_ROUTE=/changePassword": false, "PASSWORD_CHANGE_PAGE=changePassword": false, "RESET_TOKEN_MESSAGE=Please enter your token": false, "ACTION=changePassword": false,
		"DB_PASSWORD=violin-change-otter-maple-quartz-72-lantern-brisk": false, "FORM_HELP=Please fill in the form below and send it": false, "HOME_PAGE=https://acme.net/change-password": false,
	} {
		key, value, _ := strings.Cut(text, "=")
		if got := IsBlankSetting(key, value); got != want {
			t.Errorf("%s: blank is %v", text, got)
		}
	}
}

// Every language of the file has all kinds of words.
func TestVocabulary(t *testing.T) {
	asks, things, names := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(templateWords) {
		if head, words, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
			language, kind, _ := strings.Cut(head, " ")
			switch {
			case kind != "name" && len(strings.Fields(words)) < 5:
				t.Errorf("%s: too few words", head)
			case kind == "ask":
				asks[language] = true
			case kind == "thing":
				things[language] = true
			case kind == "name":
				names[language] = true
			default:
				t.Errorf("unknown kind %q", head)
			}
		}
	}
	if len(asks) < 12 || len(asks) != len(things) || len(asks) != len(names) {
		t.Errorf("%d, %d and %d languages", len(asks), len(things), len(names))
	}
}
