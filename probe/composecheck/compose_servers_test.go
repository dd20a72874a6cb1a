package composecheck

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Servers of the compose file that require a password.

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestComposeRedis_Verdicts(t *testing.T) {
	good, other := probetest.Random(18), probetest.Random(18)
	for name, c := range map[string]struct {
		service string // the value of "cache:" in the compose file; OTHER is a password that the application does not have
		state   probe.State
		reason  probe.Reason
		detail  string
	}{
		"the application's":                    {"{image: 'redis:7', command: 'redis-server --requirepass ${REDIS_PASSWORD} --maxmemory 1gb'}", probe.StatePass, probe.ReasonNone, ""},
		"as a list":                            {"{image: 'redis:7', command: [redis-server, --requirepass, '${REDIS_PASSWORD}']}", probe.StatePass, probe.ReasonNone, ""},
		"in one word of a list":                {"{image: 'redis:7', command: [redis-server, '--requirepass ${REDIS_PASSWORD}']}", probe.StatePass, probe.ReasonNone, ""},
		"by a shell":                           {"{image: 'redis:7', command: [sh, -c, 'exec redis-server --requirepass \"$$REDIS_PASSWORD\"'], environment: {REDIS_PASSWORD: '${REDIS_PASSWORD}'}}", probe.StatePass, probe.ReasonNone, ""},
		"by a shell without it":                {"{image: 'redis:7', command: [sh, -c, 'exec redis-server --requirepass \"$$REDIS_PASSWORD\"']}", probe.StateFail, probe.ReasonOpen, "docker-compose.yml:3"},
		"none":                                 {"{image: 'redis:7'}", probe.StateFail, probe.ReasonOpen, "without a password"},
		"none, with other words":               {"{image: 'docker.io/library/redis:7-alpine', command: redis-server --appendonly yes}", probe.StateFail, probe.ReasonOpen, "docker-compose.yml:3"},
		"a variable without a value":           {"{image: 'redis:7', command: 'redis-server --requirepass ${NOTHING} --maxmemory 1gb'}", probe.StateFail, probe.ReasonOpen, ""},
		"an empty one":                         {"{image: 'redis:7', command: [redis-server, --requirepass, '']}", probe.StateFail, probe.ReasonOpen, ""},
		"no value":                             {"{image: 'redis:7', command: [redis-server, --requirepass]}", probe.StateFail, probe.ReasonOpen, ""},
		"a placeholder":                        {"{image: 'redis:7', command: redis-server --requirepass changeme}", probe.StateFail, probe.ReasonPlaceholder, "docker-compose.yml:3"},
		"another one":                          {"{image: 'redis:7', command: redis-server --requirepass OTHER}", probe.StateFail, probe.ReasonMismatch, "REDIS_PASSWORD at .env.production:1"},
		"valkey":                               {"{image: 'valkey/valkey:8', command: valkey-server --requirepass OTHER}", probe.StateFail, probe.ReasonMismatch, ""},
		"a stack's variable":                   {"{image: 'redis/redis-stack-server:7', environment: {REDIS_ARGS: '--requirepass ${REDIS_PASSWORD}'}}", probe.StatePass, probe.ReasonNone, ""},
		"own ACL users":                        {"{image: 'redis:7', command: redis-server --aclfile /users.acl}", probe.StateUnknown, probe.ReasonNotConfigured, "ACL file"},
		"a custom program":                     {"{image: 'redis:7', entrypoint: /start.sh}", probe.StateUnknown, probe.ReasonNotConfigured, "a custom program"},
		"built here":                           {"{image: 'redis:7', build: .}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		"another image":                        {"{image: 'nginx:1'}", probe.StateSkip, probe.ReasonNotConfigured, "no service"},
		"a mounted configuration":              {"{image: 'redis:7', command: redis-server /etc/redis.conf, volumes: ['./good.conf:/etc/redis.conf:ro']}", probe.StatePass, probe.ReasonNone, ""},
		"an open configuration":                {"{image: 'redis:7', command: redis-server /etc/redis.conf, volumes: ['./open.conf:/etc/redis.conf:ro']}", probe.StateFail, probe.ReasonOpen, "open.conf"},
		"another configuration":                {"{image: 'redis:7', command: redis-server /etc/redis.conf, volumes: ['./other.conf:/etc/redis.conf:ro']}", probe.StateFail, probe.ReasonMismatch, "other.conf:2"},
		"a configuration with users":           {"{image: 'redis:7', command: 'redis-server /c/users.conf', volumes: ['./users.conf:/c/users.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StateFail, probe.ReasonMismatch, "users.conf:1"},
		"a user with the password":             {"{image: 'redis:7', command: 'redis-server /c/user.conf', volumes: ['./user.conf:/c/user.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StatePass, probe.ReasonNone, ""},
		"a digest of the password":             {"{image: 'redis:7', command: 'redis-server /c/digest.conf', volumes: ['./digest.conf:/c/digest.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StatePass, probe.ReasonNone, ""},
		"an open user wins over requirepass":   {"{image: 'redis:7', command: 'redis-server /c/nopass.conf', volumes: ['./nopass.conf:/c/nopass.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StateFail, probe.ReasonOpen, "nopass.conf:1"},
		"an open user without commands":        {"{image: 'redis:7', command: 'redis-server /c/idle.conf', volumes: ['./idle.conf:/c/idle.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StatePass, probe.ReasonNone, ""},
		"another open user":                    {"{image: 'redis:7', command: 'redis-server /c/guest.conf', volumes: ['./guest.conf:/c/guest.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StateFail, probe.ReasonOpen, "guest.conf:2"},
		"no default user":                      {"{image: 'redis:7', command: 'redis-server /c/off.conf', volumes: ['./off.conf:/c/off.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StatePass, probe.ReasonNone, ""},
		"an ACL file without the default user": {"{image: 'redis:7', command: 'redis-server /c/acl.conf', volumes: ['./acl.conf:/c/acl.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StateFail, probe.ReasonOpen, "users.acl"},
		"an ACL file":                          {"{image: 'redis:7', command: 'redis-server /c/closed.conf', volumes: ['./closed.conf:/c/closed.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StatePass, probe.ReasonNone, ""},
		"an included file opens it":            {"{image: 'redis:7', command: 'redis-server /c/include.conf', volumes: ['./include.conf:/c/include.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StateFail, probe.ReasonOpen, "more.conf:1"},
		"a password after an included file":    {"{image: 'redis:7', command: 'redis-server /c/after.conf', volumes: ['./after.conf:/c/after.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StatePass, probe.ReasonNone, ""},
		"an included file in the image":        {"{image: 'redis:7', command: 'redis-server /c/absent.conf', volumes: ['./absent.conf:/c/absent.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StateUnknown, probe.ReasonNotConfigured, "not among"},
		"files that include each other":        {"{image: 'redis:7', command: redis-server /c/circle.conf, volumes: ['./circle.conf:/c/circle.conf:ro']}", probe.StateUnknown, probe.ReasonNotConfigured, "too many files"},
		"two passwords, the last is empty":     {"{image: 'redis:7', command: 'redis-server /c/twice.conf', volumes: ['./twice.conf:/c/twice.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StateFail, probe.ReasonOpen, "twice.conf:2"},
		"a quoted password":                    {"{image: 'redis:7', command: 'redis-server /c/quoted.conf', volumes: ['./quoted.conf:/c/quoted.conf:ro', './more.conf:/c/more.conf:ro', './users.acl:/c/users.acl:ro', './closed.acl:/c/closed.acl:ro']}", probe.StatePass, probe.ReasonNone, ""},
		"a missing configuration":              {"{image: 'redis:7', command: redis-server /etc/redis.conf, volumes: ['./none.conf:/etc/redis.conf:ro']}", probe.StateFail, probe.ReasonMissing, "none.conf"},
		"a configuration in the image":         {"{image: 'redis:7', command: redis-server /etc/redis.conf}", probe.StateUnknown, probe.ReasonNotConfigured, "not among"},
		"bitnami":                              {"{image: 'bitnami/redis:7', environment: {REDIS_PASSWORD: '${REDIS_PASSWORD}'}}", probe.StatePass, probe.ReasonNone, ""},
		"bitnami without":                      {"{image: 'bitnami/redis:7', environment: {ALLOW_EMPTY_PASSWORD: 'yes'}}", probe.StateFail, probe.ReasonOpen, ""},
		"bitnami with nothing":                 {"{image: 'bitnami/redis:7'}", probe.StateUnknown, probe.ReasonNotConfigured, ""},
		"a literal variable":                   {"{image: 'redis:7', command: [redis-server, --requirepass, '$$REDIS_PASSWORD'], environment: {REDIS_PASSWORD: '${REDIS_PASSWORD}'}}", probe.StateFail, probe.ReasonPlaceholder, "no shell expands it"},
		"a literal variable, a string":         {"{image: 'redis:7', command: 'redis-server --requirepass $${REDIS_PASSWORD}', environment: {REDIS_PASSWORD: '${REDIS_PASSWORD}'}}", probe.StateFail, probe.ReasonPlaceholder, ""},
		"single quotes":                        {"{image: 'redis:7', command: [sh, -c, \"redis-server --requirepass '$$REDIS_PASSWORD'\"], environment: {REDIS_PASSWORD: '${REDIS_PASSWORD}'}}", probe.StateFail, probe.ReasonPlaceholder, ""},
		"a comment":                            {"{image: 'redis:7', command: [sh, -c, 'redis-server # --requirepass $$REDIS_PASSWORD'], environment: {REDIS_PASSWORD: '${REDIS_PASSWORD}'}}", probe.StateFail, probe.ReasonOpen, ""},
		"a default that is not used":           {"{image: 'redis:7', command: [sh, -c, 'redis-server --requirepass $${REDIS_PASSWORD:-OTHER}'], environment: {REDIS_PASSWORD: '${REDIS_PASSWORD}'}}", probe.StatePass, probe.ReasonNone, ""},
		"a default that is used":               {"{image: 'redis:7', command: [sh, -c, 'redis-server --requirepass $${REDIS_PASSWORD:-OTHER}']}", probe.StateFail, probe.ReasonMismatch, ""},
		"a string with a shell":                {"{image: 'redis:7', command: 'sh -c \"exec redis-server --requirepass $$REDIS_PASSWORD\"', environment: {REDIS_PASSWORD: '${REDIS_PASSWORD}'}}", probe.StatePass, probe.ReasonNone, ""},
		"an assignment":                        {"{image: 'redis:7', entrypoint: [sh, -c], command: ['P=\"$$REDIS_PASSWORD\"; exec redis-server --requirepass \"$$P\"'], environment: {REDIS_PASSWORD: '${REDIS_PASSWORD}'}}", probe.StatePass, probe.ReasonNone, ""},
		"by env":                               {"{image: 'redis:7', command: [env, 'X=1', redis-server, --requirepass, '${REDIS_PASSWORD}']}", probe.StatePass, probe.ReasonNone, ""},
		"behind the image's script":            {"{image: 'redis:7', entrypoint: [docker-entrypoint.sh], command: [redis-server, --requirepass, '${REDIS_PASSWORD}']}", probe.StatePass, probe.ReasonNone, ""},
		"options alone":                        {"{image: 'redis:7', command: [--requirepass, '${REDIS_PASSWORD}']}", probe.StatePass, probe.ReasonNone, ""},
		"options alone, open":                  {"{image: 'redis:7', command: [--appendonly, 'yes']}", probe.StateFail, probe.ReasonOpen, ""},
		"the last is empty":                    {"{image: 'redis:7', command: [redis-server, --requirepass, '${REDIS_PASSWORD}', --RequirePass, '']}", probe.StateFail, probe.ReasonOpen, ""},
		"the last counts":                      {"{image: 'redis:7', command: [redis-server, --requirepass, '', --requirepass, '${REDIS_PASSWORD}']}", probe.StatePass, probe.ReasonNone, ""},
		"a secret of Docker":                   {"{image: 'redis:7', command: [sh, -c, 'redis-server --requirepass \"$$(cat /run/secrets/rp)\"'], secrets: [rp]}", probe.StatePass, probe.ReasonNone, ""},
		"a secret of Docker, another":          {"{image: 'redis:7', command: [sh, -c, 'redis-server --requirepass \"$$(cat /run/secrets/other)\"'], secrets: [other]}", probe.StateFail, probe.ReasonMismatch, "other.txt"},
		"a secret in the image":                {"{image: 'redis:7', command: [sh, -c, 'redis-server --requirepass \"$$(cat /etc/rp)\"']}", probe.StateUnknown, probe.ReasonNotConfigured, "stored in"},
		"a computed password":                  {"{image: 'redis:7', command: [sh, -c, 'redis-server --requirepass \"$$(openssl rand 9)\"']}", probe.StateUnknown, probe.ReasonNotConfigured, "computed"},
		"a branch":                             {"{image: 'redis:7', command: [sh, -c, 'if [ -n \"$$P\" ]; then exec redis-server --requirepass $$P; fi; exec redis-server']}", probe.StateUnknown, probe.ReasonNotConfigured, "branches"},
		"a sourced file":                       {"{image: 'redis:7', command: [sh, -c, '. /run/env; exec redis-server --requirepass $$P']}", probe.StateUnknown, probe.ReasonNotConfigured, "sources"},
		"unknown options":                      {"{image: 'redis:7', command: [sh, -c, 'redis-server $$(cat /options)']}", probe.StateUnknown, probe.ReasonNotConfigured, "cannot be read"},
		"a written configuration":              {"{image: 'redis:7', command: [sh, -c, 'echo requirepass $$P > /r.conf; redis-server /r.conf'], volumes: ['./open.conf:/r.conf']}", probe.StateUnknown, probe.ReasonNotConfigured, "written"},
		"over a configuration":                 {"{image: 'redis:7', command: [redis-server, /etc/redis.conf, --requirepass, '${REDIS_PASSWORD}'], volumes: ['./open.conf:/etc/redis.conf:ro']}", probe.StatePass, probe.ReasonNone, ""},
		"a manager's":                          {"{image: 'redis:7', command: 'redis-server --requirepass vault:secret/redis'}", probe.StateUnknown, probe.ReasonNotConfigured, "secret manager"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.NewReplacer("OTHER", other).Replace(c.service)
			p := probetest.NewPass(t, probetest.Folder{
				".env.production": "REDIS_PASSWORD=" + good + "\n",
				"docker-compose.yml": "services:\n  catalyst: {image: 'app:1', env_file: [.env.production]}\n  cache: " + text +
					"\nsecrets: {rp: {file: rp.txt}, other: {file: other.txt}}\n",
				"rp.txt":       good + "\n",
				"other.txt":    other + "\n",
				"good.conf":    "# ours\nrequirepass " + good + "\n",
				"other.conf":   "port 6379\nrequirepass \"" + other + "\"\n",
				"open.conf":    "port 6379\n# requirepass x\n",
				"users.conf":   "user default on >" + other + " ~* +@all\n",
				"circle.conf":  "include /c/circle.conf\ninclude /c/circle.conf\n",
				"user.conf":    "user default on >" + good + " ~* +@all\n",
				"digest.conf":  "user default on #" + digest(good) + " ~* +@all\nuser two on >" + other + " +@all\n",
				"nopass.conf":  "user default on nopass ~* +@all\nrequirepass " + good + "\n",
				"idle.conf":    "user default on nopass\nuser app on >" + good + " ~* +@all\n",
				"guest.conf":   "requirepass " + good + "\nuser guest on nopass +@read ~*\n",
				"off.conf":     "user default off\nuser app on >" + good + " ~* +@all\n",
				"acl.conf":     "requirepass " + good + "\naclfile /c/users.acl\n",
				"users.acl":    "user app on >" + good + " ~* +@all\n",
				"closed.conf":  "aclfile /c/closed.acl\n",
				"closed.acl":   "user default on >" + good + " ~* +@all\n",
				"include.conf": "requirepass " + good + "\ninclude /c/more.conf\n",
				"more.conf":    "requirepass \"\"\n",
				"after.conf":   "include /c/more.conf\nrequirepass " + good + "\n",
				"absent.conf":  "requirepass " + good + "\ninclude /usr/share/redis.conf\n",
				"twice.conf":   "requirepass " + good + "\nrequirepass ''\n",
				"quoted.conf":  "requirepass '" + good + "' \n",
			}, deployment.Settings{})
			r := probetest.Look(t, p, RedisKind(), "{}")
			probetest.Expect(t, r, c.state, c.reason, c.detail)
			for _, hidden := range []string{good, other} {
				if strings.Contains(r.Detail, hidden) {
					t.Errorf("the detail contains a password")
				}
			}
		})
	}
}

func TestComposePostgres_Verdicts(t *testing.T) {
	good, other := probetest.Random(18), probetest.Random(18)
	for name, c := range map[string]struct {
		service string
		state   probe.State
		reason  probe.Reason
		detail  string
	}{
		"the application's":       {"{image: 'postgres:16', environment: {POSTGRES_USER: catalyst, POSTGRES_PASSWORD: '${DB_PASSWORD}'}}", probe.StatePass, probe.ReasonNone, ""},
		"trust":                   {"{image: 'postgres:16', environment: {POSTGRES_PASSWORD: '${DB_PASSWORD}', POSTGRES_HOST_AUTH_METHOD: trust}}", probe.StateFail, probe.ReasonOpen, "docker-compose.yml:3"},
		"trust without any":       {"{image: 'postgis/postgis:16-3.4', environment: {POSTGRES_HOST_AUTH_METHOD: Trust}}", probe.StateFail, probe.ReasonOpen, "accept any password"},
		"trust by initdb":         {"{image: 'postgres:16', environment: {POSTGRES_PASSWORD: '${DB_PASSWORD}', POSTGRES_INITDB_ARGS: '--encoding=UTF8 --auth-host=trust'}}", probe.StateFail, probe.ReasonOpen, ""},
		"another method":          {"{image: 'postgres:16', environment: {POSTGRES_USER: catalyst, POSTGRES_PASSWORD: '${DB_PASSWORD}', POSTGRES_HOST_AUTH_METHOD: scram-sha-256, POSTGRES_INITDB_ARGS: '--auth-host=scram-sha-256'}}", probe.StatePass, probe.ReasonNone, ""},
		"another password":        {"{image: 'postgres:16', environment: {POSTGRES_USER: catalyst, POSTGRES_PASSWORD: OTHER}}", probe.StateWarn, probe.ReasonMismatch, "DB_PASSWORD at .env.production:2"},
		"another user's password": {"{image: 'postgres:16', environment: {POSTGRES_USER: postgres, POSTGRES_PASSWORD: OTHER}}", probe.StatePass, probe.ReasonNone, ""},
		"a client":                {"{image: 'postgres:16', command: pg_dump}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		"built here":              {"{image: 'postgres:16', build: ., environment: {POSTGRES_HOST_AUTH_METHOD: trust}}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		"bitnami open":            {"{image: 'bitnami/postgresql:16', environment: {ALLOW_EMPTY_PASSWORD: 'yes'}}", probe.StateFail, probe.ReasonOpen, ""},
		"bitnami":                 {"{image: 'bitnami/postgresql:16', environment: {POSTGRESQL_USERNAME: catalyst, POSTGRESQL_PASSWORD: '${DB_PASSWORD}'}}", probe.StatePass, probe.ReasonNone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, probetest.Folder{
				".env.production":    "DB_USER=catalyst\nDB_PASSWORD=" + good + "\n",
				"docker-compose.yml": "services:\n  catalyst: {image: 'app:1', env_file: [.env.production]}\n  db: " + strings.ReplaceAll(c.service, "OTHER", other) + "\n",
			}, deployment.Settings{})
			r := probetest.Look(t, p, PostgresKind(), "{}")
			probetest.Expect(t, r, c.state, c.reason, c.detail)
			if strings.Contains(r.Detail, good) || strings.Contains(r.Detail, other) {
				t.Errorf("the detail contains a password")
			}
		})
	}
}
