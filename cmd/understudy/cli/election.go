package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"understudy/console/client"
	"understudy/wire"
)

// promoteRisk is what an operator must know before and after a promotion.
const promoteRisk = "Two parts of a broken zone may both serve then. Each desktop still decides for itself and takes one user\n" +
	"only, so nobody gets the session of another; but a user may be given a second session by the other part."

// relistRisk is what an operator must know before a list is taken.
const relistRisk = "Others that still use the old list and make a majority of it could elect one beside the one that the newer list\n" +
	"elects. Make sure that the zone's other connectors use the newest list already."

func newElectionCommand(a *app) *cobra.Command {
	return group("election", "Show who may serve and why, or change one connector's part in it",
		newElectionStatusCommand(a),
		newPartCommand(a, part{
			action: wire.Promote, risky: true, short: "Let this connector serve without a majority (policy majority)",
			long: "Lets the connector that is asked serve although fewer than half of the zone's active connectors name it:\n" +
				"for a zone of two of which one is lost, or to make a standby serve (RAS-02). It is refused under the policy\n" +
				"available and while the elected connector is seen, and ends when a majority is present again.\n\n" +
				promoteRisk + "\nMake sure that the connectors that are not seen are really down. Confirm with --yes.",
		}),
		newPartCommand(a, part{
			action: wire.Drain, short: "Let other connectors serve: before maintenance of this one",
			long: "Hands the office of the connector that is asked over, if it has it, and makes others serve as long as one can.\n" +
				"It goes on relaying in Normal. Take it back with `understudy election undrain`.",
		}),
		newPartCommand(a, part{
			action: wire.Undrain, short: "Make this connector an ordinary candidate again",
			long: "Ends `understudy election drain`. Whether it takes the office back at once, later or not at all is up to the\n" +
				"zone's settings preempt and preempt_after.",
		}),
		newPartCommand(a, part{
			action: wire.Relist, risky: true, short: "Take the newest list of the zone's connectors, whatever it changes (policy majority)",
			long: "Under the policy majority a connector takes a newer list only if it changes one active connector, and only while\n" +
				"it hears a majority of those in the list that it has. One that was away while several changed stays with its\n" +
				"old list (event list_refused); this lets it take the newest.\n\n" + relistRisk + "\nConfirm with --yes.",
		}),
	)
}

// part is an order about a connector's part in the election.
type part struct {
	action, short, long string
	risky               bool
}

// risk is what the operator has to confirm.
func (p part) risk() string {
	if p.action == wire.Relist {
		return relistRisk
	}
	return promoteRisk
}

func newPartCommand(a *app, p part) *cobra.Command {
	var reason string
	var yes bool
	cmd := &cobra.Command{Use: p.action, Short: p.short, Long: p.long, Args: wants()}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the events and for whoever looks later")
	if p.risky {
		cmd.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if p.risky && !yes {
			if err := a.confirm(cmd.Context(), p.action, p.risk()); err != nil {
				return err
			}
		}
		return a.partOrder(cmd.Context(), wire.ElectionOrder{Action: p.action, Reason: reason, By: operator()})
	}
	return cmd
}

func (a *app) partOrder(ctx context.Context, order wire.ElectionOrder) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	answer, err := c.Election(ctx, order)
	if err != nil {
		return err
	}
	return show(a, answer, func(s *screen, answer wire.ElectionAnswer) { renderPart(s, order.Action, answer) })
}

func renderPart(s *screen, action string, answer wire.ElectionAnswer) {
	who, e := string(answer.Connector), answer.Election
	switch action {
	case wire.Promote:
		s.line(who + " may serve without a majority until one is present again. The zone is in " + s.state(answer.State) + ".")
		s.line(s.warn(promoteRisk))
	case wire.Relist:
		s.line(who + " takes the newest list of connectors with its next sync.")
	case wire.Drain:
		s.line(who + " is draining: others serve as long as one can.")
	default:
		s.line(who + " is an ordinary candidate again.")
	}
	switch e.Elected {
	case "":
		s.line(s.warn("Nobody is elected: " + e.Reason + "."))
	case answer.Connector:
		s.line("Elected is " + who + " itself: " + e.Reason + ".")
	default:
		s.line("Elected is " + string(e.Elected) + ": " + e.Reason + ".")
	}
	if e.Successor != "" {
		s.line("The office goes over to " + string(e.Successor) + " now.")
	}
	s.line(sentence(tolerance(e)))
}

// confirm asks the operator on a terminal; without one the flag must say it.
func (a *app) confirm(ctx context.Context, action, risk string) error {
	needs := &usageError{errors.New(action + " can make two connectors of a broken zone serve: confirm it with --yes")}
	if !isTerminal(a.stdin) {
		return needs
	}
	line, err := a.askFor(ctx, risk+"\nType yes to "+action+": ")
	switch {
	case err != nil:
		return errors.Join(ctx.Err(), needs)
	case line != "yes":
		return errors.New("nothing was changed: " + action + " was not confirmed")
	}
	return nil
}

// electionView is the election as one connector sees it.
type electionView struct {
	wire.ElectionAnswer
	Zone  string            `json:"zone"`
	Peers []wire.PeerStatus `json:"peers"`
}

func newElectionStatusCommand(a *app) *cobra.Command {
	return newViewCommand(a, view[electionView]{
		use: "status", short: "Show who is elected and why, who names whom, and how many more failures the zone tolerates",
		fetch: func(ctx context.Context, c *client.Client) (electionView, error) {
			st, err := c.Status(ctx)
			if err != nil {
				return electionView{}, err
			}
			peers, err := c.Peers(ctx)
			return electionView{wire.ElectionAnswer{Connector: st.Connector, State: st.State, Election: st.Election}, st.Zone, peers.Items}, err
		},
		render: renderElection,
	})
}
