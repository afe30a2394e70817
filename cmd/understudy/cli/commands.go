package cli

import "github.com/spf13/cobra"

// commands lists every command; each has a file of its own.
func commands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newStatusCommand(a),
		newPeersCommand(a),
		newEventsCommand(a),
		newRegistrationsCommand(a),
		newSessionsCommand(a),
		newGroupCommand(a),
		newSnapshotsCommand(a),
		newJournalCommand(a),
		newHandbackCommand(a),
		newOutageCommand(a),
		newElectionCommand(a),
		newReloadCommand(a),
		newSiteCommand(a),
		newStorefrontCommand(a),
		newConnectorCommand(a),
		newCloudCommand(a),
		newDesktopCommand(a),
		newPKICommand(a),
		newManageCommand(a),
		newContractCommand(a),
		newCredentialsCommand(a),
		newAdminCommand(a),
		newWhoamiCommand(a),
		newDemoCommand(a),
		newLoadCommand(a),
		newSizeCommand(a),
		newDoctorCommand(a),
		newSupportBundleCommand(a),
		newVersionCommand(a),
	}
}
