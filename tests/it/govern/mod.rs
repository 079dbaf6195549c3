//! Two persons, holds, erasure: what is governed, and that it is gone.

mod accounts;
mod certificate;
mod changes;
mod emergencies;
mod erasing;
mod labels;
mod policies;
mod relationships;
mod revealing;
mod unseen;
mod walls;

use affiant::audit::Actor;
use affiant::domain::access::Labels;
use affiant::domain::change::{Proposal, Target};
use affiant::domain::ids::{DocumentId, RequestId};
use affiant::domain::principal::{Principal, Via};
use affiant::domain::reason::Reason;
use affiant::domain::relationship::RelationshipKind;
use affiant::govern::{Changer, ErasureStep, GovernError, NewWall};
use affiant::identity::{Confirmed, Credential};
use affiant::store::ChangeRow;

use crate::support::PASSWORD;
use crate::support::clock::HandClock;
use crate::support::test_app::TestApp;

impl TestApp {
    /// Somebody who showed their own password.
    fn confirmed(&self, name: &str) -> (Confirmed, Actor) {
        let governor = &self.open().governor;
        let actor = governor.actor(name, Via::Cli, None);
        let password = Credential::password(PASSWORD.to_owned().into(), None);
        (governor.confirm(&actor, name, &password).unwrap(), actor)
    }

    fn principal(&self, name: &str) -> (Principal, Actor) {
        let asker = self.asker(name);
        (asker.principal, asker.actor)
    }

    fn propose(&self, who: &str, proposal: Proposal) -> Result<ChangeRow, GovernError> {
        let (who, actor) = self.confirmed(who);
        self.open().governor.propose(&who, &actor, proposal, reason())
    }

    /// Rejects, having shown who they are.
    fn reject(&self, who: &str, id: RequestId) -> Result<ChangeRow, GovernError> {
        let (proof, actor) = self.confirmed(who);
        let who = self.principal(who).0;
        self.open().governor.reject(&who, Ok(proof), &actor, id)
    }

    fn approve(&self, who: &str, id: RequestId) -> Result<ChangeRow, GovernError> {
        self.approve_until(who, id, None)
    }

    /// Approves, and loses power before this step.
    fn approve_until(
        &self,
        who: &str,
        id: RequestId,
        last: Option<ErasureStep>,
    ) -> Result<ChangeRow, GovernError> {
        let (who, actor) = self.confirmed(who);
        self.open().governor.approve(&who, &actor, id, &mut |step| match last == Some(step) {
            true => std::ops::ControlFlow::Break(()),
            false => std::ops::ControlFlow::Continue(()),
        })
    }

    /// Gives a document other labels, with the second person that it takes where they loosen.
    pub(crate) fn relabel(&self, document: DocumentId, pairs: &[&str]) -> Labels {
        self.engine();
        let governor = &self.open().governor;
        let (who, actor) = self.principal("records");
        let change = |labels: &Labels| labels.with(pairs.iter().copied());
        match governor.label_document(&who, &actor, document, change) {
            Ok((labels, _)) => labels,
            Err(GovernError::Loosens) => {
                let proposal = governor.relabelling(&who, document, change).unwrap();
                let proposed = self.propose("records", proposal).unwrap();
                self.approve("approver", proposed.id).unwrap();
                self.open().catalogue.document(document).unwrap().card.labels.clone()
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Keeps somebody away from now on.
    fn keep_away(&self, person: &str, kind: RelationshipKind, object: &str) {
        let (who, actor) = self.principal("records");
        let (person, object) = (person.parse().unwrap(), object.to_owned());
        let wall = NewWall { person, kind, object, until: None };
        let changer = Changer::Person(&who);
        self.open().governor.add_wall(changer, &actor, wall, &reason()).unwrap();
    }

    /// Erases, with the two persons it takes.
    pub(crate) fn erase(&self, target: Target) -> ChangeRow {
        self.engine();
        let proposed = self.propose("records", Proposal::Erase { target }).unwrap();
        self.approve("approver", proposed.id).unwrap()
    }
}

fn reason() -> Reason {
    Reason::try_from("as the retention plan of May says".to_owned()).unwrap()
}
