package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"understudy/accounts"
	"understudy/env"
	"understudy/roles"
)

// openAccounts reads the accounts of an admin API, again whenever they change.
func openAccounts(file string, logger *logrus.Logger) (*accounts.File, error) {
	return accounts.Open(file, func(err error) {
		logger.WithError(err).Error("the file of accounts is not read; those read before count")
	})
}

func newAdminCommand(a *app) *cobra.Command {
	return group("admin", "Keep the file of those who may use the admin API",
		newAdminAddCommand(a), newAdminListCommand(a), newAdminRemoveCommand(a))
}

// accountFlags say what account to make.
type accountFlags struct {
	role   string
	groups []string
	zones  []string
	file   string
}

func (f accountFlags) validate() error {
	switch {
	case f.file == "":
		return errors.New("--file FILE says which file: admin_users_file of a connector or of a cloud broker")
	case f.role == "":
		return fmt.Errorf("--role says what the account may do: %s", oneOf(roles.All()))
	}
	return nil
}

// newAccount is what is shown of an account, once.
type newAccount struct {
	account
	Token string `json:"token"`
}

// account is what is shown of a line of the file.
type account struct {
	Name   string     `json:"name"`
	Role   roles.Role `json:"role"`
	Groups []string   `json:"groups,omitempty"`
	Zones  []string   `json:"zones,omitempty"`
}

func shownAccount(l accounts.Account) account { return account{l.Name, l.Role, l.Groups, l.Zones} }

func newAdminAddCommand(a *app) *cobra.Command {
	var f accountFlags
	cmd := &cobra.Command{
		Use: "add NAME --role ROLE --file FILE", Short: "Make an account, and print its token", Args: wants("NAME"),
		Long: "Puts an account into a file of accounts, which is made if it is missing, and prints its token: the file holds\n" +
			"a hash only, so nothing shows the token again. A service that runs knows the account at once.\n\n" +
			"A viewer sees, an operator also changes. --groups and --zones limit either to those delivery groups and zones.",
		Example: "  understudy admin add vera --role viewer --file /etc/understudy/admins\n" +
			"  understudy admin add gina --role operator --groups office,farm --file /etc/understudy/admins > gina.token",
	}
	cmd.Flags().StringVar(&f.role, "role", "", "the `ROLE`: "+oneOf(roles.All()))
	cmd.Flags().StringSliceVar(&f.groups, "groups", nil, "only these delivery `GROUPS`, with commas between them")
	cmd.Flags().StringSliceVar(&f.zones, "zones", nil, "only these `ZONES`, with commas between them")
	cmd.Flags().StringVar(&f.file, "file", "", "the file of accounts: admin_users_file")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if err := f.validate(); err != nil {
			return &usageError{err}
		}
		return a.addAccount(args[0], f)
	}
	return cmd
}

func (a *app) addAccount(name string, f accountFlags) error {
	token := env.Token(a.env.Rand("accounts"))
	made := accounts.New(name, roles.Role(f.role), roles.Scope{Groups: f.groups, Zones: f.zones}, token)
	if err := made.Validate(); err != nil {
		return &usageError{err}
	}
	if err := accounts.Add(f.file, made); err != nil {
		return err
	}
	if a.output == "json" {
		return writeJSON(a.stdout, newAccount{shownAccount(made), token}, "  ")
	}
	fmt.Fprintf(a.stderr, "%s is in %s. This is the token; it is shown this once:\n", roles.Who{Name: name, Role: made.Role, Scope: made.Scope}, f.file)
	fmt.Fprintln(a.stdout, token)
	return nil
}

func newAdminListCommand(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "list --file FILE", Short: "Show the accounts of a file", Args: wants()}
	cmd.Flags().StringVar(&file, "file", "", "the file of accounts: admin_users_file")
	cmd.RunE = func(*cobra.Command, []string) error {
		if file == "" {
			return &usageError{errors.New("--file FILE says which file")}
		}
		list, _, err := accounts.Read(file)
		if err != nil {
			return &configError{err}
		}
		shown := make([]account, len(list))
		for i, l := range list {
			shown[i] = shownAccount(l)
		}
		return show(a, shown, renderAccounts)
	}
	return cmd
}

func renderAccounts(s *screen, list []account) {
	r := newRows("NAME", "ROLE", "DELIVERY GROUPS", "ZONES")
	for _, l := range list {
		r.add(l.Name, string(l.Role), orAll(l.Groups), orAll(l.Zones))
	}
	s.list(r, "", "There are no accounts.")
}

func orAll(names []string) string {
	if len(names) == 0 {
		return "all"
	}
	return strings.Join(names, ", ")
}

func newAdminRemoveCommand(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "remove NAME --file FILE", Short: "Take an account out of a file: its token is good for nothing at once", Args: wants("NAME"),
	}
	cmd.Flags().StringVar(&file, "file", "", "the file of accounts: admin_users_file")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if file == "" {
			return &usageError{errors.New("--file FILE says which file")}
		}
		if err := accounts.Remove(file, args[0]); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "%s is no account in %s any more.\n", args[0], file)
		return nil
	}
	return cmd
}
