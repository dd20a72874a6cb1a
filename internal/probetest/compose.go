package probetest

// Compose returns a compose file with services.
func Compose(services string) Folder {
	return Folder{"docker-compose.yml": "services:\n" + services}
}

const WebService = "  web:\n    image: nginx\n"
