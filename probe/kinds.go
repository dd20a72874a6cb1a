package probe

// Kinds is the one list of probe kinds, in the order of the documentation.
func Kinds() []Kind {
	return []Kind{
		backupFileKind(),
		composeConfigKind(),
		composeLimitsKind(),
		composeLoggingKind(),
		composePortsKind(),
		composePostgresKind(),
		composeRedisKind(),
		containerBackupKind(),
		containerEnvFlagKind(),
		containerEnvWordKind(),
		containerLimitsKind(),
		containerPortsKind(),
		containerStateKind(),
		envFileKind(),
		envFlagKind(),
		envNumberKind(),
		envPlaceholdersKind(),
		alertmanagerConfigKind(),
		changelogKind(),
		contactsKind(),
		diagramKind(),
		documentKind(),
		migrationsKind(),
		envSecretKind(),
		envWordKind(),
		gitSecretsKind(),
		gitUntrackedKind(),
		attestationKind(),
		cdnKind(),
		dnsRecordsKind(),
		evidenceKind(),
		externalFirewallKind(),
		gdprRefusalKind(),
		grafanaKind(),
		httpHealthKind(),
		listeningPortsKind(),
		lokiLinesKind(),
		openAPIKind(),
		prometheusJobKind(),
		prometheusQueryKind(),
		prometheusRulesKind(),
		rateLimitHeaderKind(),
		postgresConnectionsKind(),
		postgresDefaultLoginKind(),
		postgresIndexesKind(),
		postgresLoginKind(),
		postgresMigrationsKind(),
		postgresTablesKind(),
		redisAuthKind(),
		redisKeyspaceKind(),
		releaseBackupKind(),
		appMetricsKind(),
		auctionRefusalKind(),
		releaseLogsKind(),
		releaseReadyKind(),
		releaseRecordKind(),
		releaseRunningKind(),
		rollbackBackupKind(),
		rollbackImageKind(),
		signOffKind(),
		systemdTimerKind(),
		tlsEndpointKind(),
		webPageKind(),
		nginxSplitKind(),
		tlsFilesKind(),
		ufwRulesKind(),
		iamUserKind(),
		s3BucketKind(),
		s3EncryptionKind(),
		s3ObjectKind(),
	}
}

// Find returns the kind of that name.
func Find(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}
