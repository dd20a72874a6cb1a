package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The checked deployment: an env file, a compose file, the nginx configuration, certificates, migrations and documents. All
// checks of it pass. Secrets are generated for each run.

// publicHost looks like a public name but is reserved for tests (RFC 6761).
const publicHost = "www.exchange.test"

// writeDeployment writes the deployment and returns its folder.
func (b *bench) writeDeployment(name string) (string, error) {
	root := b.path(name, "x")
	root = filepath.Dir(root)
	var env strings.Builder
	for _, c := range localChecks() {
		if c.line != "" {
			fmt.Fprintln(&env, strings.ReplaceAll(c.line, "SECRET", freshSecret()))
		}
	}
	files := map[string]string{
		".env.production":               env.String(),
		"docker-compose.yml":            composeFile,
		"nginx/nginx.conf":              nginxFile,
		"RUNBOOK.md":                    "# Runbook\n\n## The service is down\n\n1. Check the logs.\n2. Restart it.\n\n```sh\ndocker compose restart exchange\n```\n\n" + prose(),
		"DISASTER-RECOVERY.md":          "# Disaster recovery\n\nRTO: 4 hours. RPO: 24 hours.\n\n" + prose(),
		"CHANGELOG.md":                  "# Changelog\n\n## [1.4.0] - 2026-01-02\n\n### Added\n\n- Bids in a second currency.\n",
		"migrations/0001_publisher.sql": "create table publisher (id bigint primary key);\n",
		"migrations/0002_bidder.sql":    "create table bidder (id bigint primary key);\n",
	}
	for file, text := range files {
		p := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	_, err := writeCertificates(filepath.Join(root, "ssl"))
	return root, err
}

func freshSecret() string {
	random := make([]byte, 24)
	_, _ = rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// writeCertificates writes ca.pem, server.crt (the leaf and its CA) and server.key for publicHost and localhost.
func writeCertificates(dir string) (serial *big.Int, err error) {
	now := time.Now()
	template := func(n int64, name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0)}
	}
	authority := template(1, "benchmark CA")
	authority.IsCA, authority.BasicConstraintsValid, authority.KeyUsage = true, true, x509.KeyUsageCertSign
	leaf := template(2, publicHost)
	leaf.DNSNames, leaf.ExtKeyUsage, leaf.KeyUsage = []string{publicHost, "localhost"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, x509.KeyUsageDigitalSignature

	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return nil, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, authority, leafKey.Public(), authorityKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	certificate := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }
	for name, data := range map[string][]byte{
		"ca.pem":     certificate(authorityDER),
		"server.crt": append(certificate(leafDER), certificate(authorityDER)...),
		"server.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	return leaf.SerialNumber, nil
}

const composeFile = `name: exchange
services:
  exchange:
    image: exchange/exchange:1.4.0
    env_file: .env.production
    ports: ["127.0.0.1:8000:8000"]
    logging: {driver: syslog}
    deploy: {resources: {limits: {cpus: "2", memory: 2G}}}
  postgres:
    image: postgres:16
    volumes: ["pgdata:/var/lib/postgresql/data"]
    logging: {driver: syslog}
    deploy: {resources: {limits: {cpus: "2", memory: 4G}}}
  redis:
    image: redis:7
    logging: {driver: syslog}
    deploy: {resources: {limits: {cpus: "1", memory: 512M}}}
  nginx:
    image: nginx:1.27
    ports: ["80:80", "443:443"]
    volumes: ["./nginx/nginx.conf:/etc/nginx/nginx.conf:ro"]
    logging: {driver: syslog}
    deploy: {resources: {limits: {cpus: "1", memory: 256M}}}
volumes:
  pgdata:
`

const nginxFile = `events {}
http {
  split_clients $request_id $pool {
    100% exchange_green;
  }
  upstream exchange_green { server exchange:8000; }
  server {
    listen 80;
    server_name ` + publicHost + `;
    location / { proxy_pass http://$pool; }
  }
}
`

func prose() string {
	return strings.Repeat("The person on call at night reads this document. It lists what to do first, what to do next, and whom to contact for help. ", 6)
}
