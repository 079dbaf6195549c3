//! Policies: proposed, checked, tried on past questions, approved by a second person, in force.
//!
//! What is in force is what the log says, [`Catalogue::policy_versions`]; the folder `policies/` of
//! the home is a copy for people to read, written anew with every version.
//!
//! [`Catalogue::policy_versions`]: crate::catalogue::Catalogue::policy_versions

use std::collections::{BTreeMap, BTreeSet};

use crate::answer::{Answerer, Simulated};
use crate::audit::{Actor, Recorded, What};
use crate::domain::access::Labels;
use crate::domain::change::Proposal;
use crate::domain::ids::DocumentId;
use crate::domain::limits::SIMULATED_MAX;
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::{Attributes, Principal, Role, UserName};
use crate::domain::question::Scope;
use crate::domain::reason::Reason;
use crate::domain::trial::PolicyChange;
use crate::policy::{Action, Explanation, Policies, PolicyProblem, PolicySource};
use crate::store::{ChangeRow, KeyScope, PolicyRow};

use super::{Changer, GovernError, Governor};

/// Policies that somebody wants in force.
pub struct Offer {
    /// The set, or what is wrong with it.
    pub candidate: Result<Policies, Vec<PolicyProblem>>,
    /// The number of the earlier version that it is.
    pub version: Option<u32>,
}

/// What a simulation came to, and how much of it may be told.
#[derive(Debug)]
pub struct Simulation {
    /// What would change.
    pub simulated: Recorded<Simulated>,
    /// Whether documents are named by their ids, and matters by their names; else by tokens.
    pub names_documents: bool,
    /// Names of the matters in it, by token.
    pub matters: BTreeMap<Token, String>,
}

/// Somebody's view of a document, to be explained.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The account of the person.
    pub person: String,
    /// The document.
    pub document: DocumentId,
    /// What they would do with it.
    pub action: Action,
    /// What they would declare.
    pub scope: Scope,
}

/// Why a person may see a document, or may not.
#[derive(Debug)]
pub struct Explained {
    /// The person.
    pub person: UserName,
    /// Their roles.
    pub roles: BTreeSet<Role>,
    /// What was compared; for those alone who may know the names of matters and patients in it.
    pub compared: Option<Compared>,
    /// The decisions.
    pub explanation: Explanation,
}

/// What a decision compared.
#[derive(Debug)]
pub struct Compared {
    /// The person's attributes, as they stand now.
    pub attributes: Attributes,
    /// The document's labels.
    pub labels: Labels,
}

impl Governor {
    /// Proposes other policies: checks them, runs their examples, tries them on past questions,
    /// and puts them into the queue for somebody else to approve.
    ///
    /// # Errors
    /// [`GovernError::Faulty`] with every problem, which is recorded; [`GovernError::InForce`].
    pub fn propose_policies(
        &self,
        (who, proven): (&Principal, bool),
        actor: &Actor,
        offer: Offer,
        answerer: &Answerer,
        reason: Reason,
    ) -> Result<ChangeRow, GovernError> {
        self.decide(Changer::Person(who), Action::ProposePolicies)?;
        let candidate = self.checked(actor, offer.candidate)?;
        let source = candidate.source();
        if source == self.policies.source() {
            return Err(GovernError::InForce);
        }
        let last = crate::domain::limits::SIMULATED_DEFAULT;
        let simulated = answerer.simulate(actor, &candidate, &self.people()?, last)?;
        let examples = candidate.examples().len();
        let change = PolicyChange {
            sha256: simulated.candidate(),
            replaces: self.policies.digest(),
            version: offer.version,
            contents: self.seal_policies(&source)?,
            examples: u32::try_from(examples).unwrap_or(u32::MAX),
            trial: simulated.trial().clone(),
        };
        self.queue((who, proven), actor, Proposal::ChangePolicies(Box::new(change)), reason)
    }

    /// The offer to go back to an earlier version, by its number or the beginning of its digest.
    ///
    /// # Errors
    /// [`GovernError::NotFound`].
    pub fn version_again(&self, named: &str) -> Result<Offer, GovernError> {
        let (number, row) = self.version(named)?;
        let source = self.catalogue.policy_source(&row)?;
        Ok(Offer { candidate: Policies::from_source(source), version: Some(number) })
    }

    /// Every version that was in force, the oldest first.
    ///
    /// # Errors
    /// [`GovernError::Denied`].
    pub fn versions(&self, changer: Changer<'_>) -> Result<Vec<PolicyRow>, GovernError> {
        self.decide(changer, Action::ReadPolicies)?;
        Ok(self.catalogue.policy_versions()?)
    }

    /// The files of a version, by its number or the beginning of its digest, or of a change that
    /// waits, by its id.
    ///
    /// # Errors
    /// [`GovernError::Denied`], [`GovernError::NotFound`].
    pub fn policy_files(
        &self,
        changer: Changer<'_>,
        named: &str,
    ) -> Result<PolicySource, GovernError> {
        self.decide(changer, Action::ReadPolicies)?;
        if let Ok(id) = named.parse()
            && let Some(row) = self.state.changes().get(&id)?
            && let Some(Proposal::ChangePolicies(change)) = &row.proposal
        {
            return self.open_policies(change);
        }
        let (_, row) = self.version(named)?;
        Ok(self.catalogue.policy_source(&row)?)
    }

    /// The files in force.
    ///
    /// # Errors
    /// [`GovernError::Denied`].
    pub fn policies_in_force(&self, changer: Changer<'_>) -> Result<PolicySource, GovernError> {
        self.decide(changer, Action::ReadPolicies)?;
        Ok(self.policies.source())
    }

    /// Tries other policies on the newest `last` questions of the log.
    ///
    /// # Errors
    /// [`GovernError::Denied`], [`GovernError::Faulty`], [`GovernError::Simulate`].
    pub fn simulate(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        candidate: Result<Policies, Vec<PolicyProblem>>,
        answerer: &Answerer,
        last: usize,
    ) -> Result<Simulation, GovernError> {
        self.decide(changer, Action::ProposePolicies)?;
        let candidate = candidate.map_err(|problems| GovernError::Faulty { problems })?;
        let last = last.min(SIMULATED_MAX);
        let simulated = answerer.simulate(actor, &candidate, &self.people()?, last)?;
        Ok(Simulation {
            simulated,
            names_documents: self.knows_documents(changer),
            matters: self.matters(),
        })
    }

    /// Tells why a person may see a document or not; for those who may ask that of others. Who does
    /// not know the catalogue learns which policies decided, and no name, and so does the operator,
    /// who has its file anyhow; to whom a wall keeps away from it there is no such document.
    ///
    /// # Errors
    /// [`GovernError::Denied`], [`GovernError::NotFound`].
    pub fn explain(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        sighting: &Sighting,
    ) -> Result<Recorded<Explained>, GovernError> {
        self.decide(changer, Action::Explain)?;
        let person = self.accounts.principal(&sighting.person)?;
        let screen = self.screen(changer);
        let document = self.within_reach(screen.as_ref(), sighting.document).ok();
        let what = What::PolicyExplained {
            person: self.vault.token(TokenKind::Person, person.name.as_str()),
            document: document.as_ref().map(|document| document.row.token.clone()),
        };
        let policy = Some(self.policies.digest());
        let (actor, req) = (actor.clone(), self.request());
        let asked = self.log.record(crate::audit::Event { actor, req, policy, what }, ())?;
        let document = document.ok_or(GovernError::NotFound { what: "document" })?;
        let labels = document.card.labels.clone();
        let explanation = self.policies.explain(&person, sighting.action, &sighting.scope, &labels);
        let Principal { name: person, roles, attributes, .. } = person;
        let compared = self.knows_documents(changer).then_some(Compared { attributes, labels });
        Ok(asked.map(|()| Explained { person, roles, compared, explanation }))
    }

    /// Whether somebody may know which documents, matters and patients there are by name. The
    /// operator may not: who sets up reads no contents.
    fn knows_documents(&self, changer: Changer<'_>) -> bool {
        match changer {
            Changer::Operator => false,
            Changer::Person(_) => self.decide(changer, Action::ListDocuments).is_ok(),
        }
    }

    /// Puts approved policies in force: on record, in the folder, in every part of this process. A
    /// change that was put in force already and has been followed by others stays history.
    ///
    /// # Errors
    /// Where [`GovernError::is_outdated`], the change must never come into force any more.
    pub(super) fn activate(
        &self,
        row: &ChangeRow,
        change: &PolicyChange,
    ) -> Result<(), GovernError> {
        let is_recorded = self.has_said(row, "policy.activated")?;
        if is_recorded {
            self.catalogue.catch_up()?;
            let versions = self.catalogue.policy_versions()?;
            if versions.last().is_none_or(|newest| newest.change != row.id) {
                return Ok(());
            }
        } else {
            self.check_policies(change)?;
        }
        let source = self.open_policies(change)?;
        let policies = Policies::from_source(source.clone())
            .map_err(|problems| GovernError::Faulty { problems })?;
        if !is_recorded {
            let what = What::PolicyActivated {
                set: policies.set_name().to_owned(),
                files: source.digests(),
                payload: Some(change.contents.clone()),
            };
            self.record_in(row, what)?;
        }
        // On record, so in force, whatever becomes of the folder: the next start writes it anew.
        self.policies.put_in_force(&policies);
        self.catalogue.catch_up()?;
        Ok(source.write(&self.policy_folder)?)
    }

    /// Whether proposed policies can still come into force.
    pub(super) fn check_policies(&self, change: &PolicyChange) -> Result<(), GovernError> {
        if change.replaces != self.policies.digest() {
            return Err(GovernError::Outdated);
        }
        let policies = Policies::from_source(self.open_policies(change)?)
            .map_err(|problems| GovernError::Faulty { problems })?;
        match policies.digest() == change.sha256 {
            true => Ok(()),
            false => Err(GovernError::Outdated), // Another program, with another schema.
        }
    }

    /// Ends a change of policies that can never come into force any more, on record; hands the
    /// error on.
    pub(super) fn close_outdated(
        &self,
        row: &ChangeRow,
        error: GovernError,
    ) -> Result<(), GovernError> {
        if error.is_outdated() {
            self.close(row, "outdated")?;
        }
        Err(error)
    }

    /// What `policy.proposed` says of a change.
    pub(super) fn proposed(&self, change: &PolicyChange) -> Result<What, GovernError> {
        Ok(What::PolicyProposed {
            sha256: change.sha256,
            replaces: change.replaces,
            version: change.version.map(u64::from),
            files: self.open_policies(change)?.digests(),
            examples: change.examples,
            queries: change.trial.queries,
            seen: change.trial.seen,
            hidden: change.trial.hidden,
            payload: Some(change.contents.clone()),
        })
    }

    /// The names of matters on the labels that documents carry now, by token.
    pub fn matters(&self) -> BTreeMap<Token, String> {
        let classes = self.catalogue.classes();
        let names = classes.iter().filter_map(|(_, labels)| labels.matter.as_deref());
        names.map(|name| (self.vault.token(TokenKind::Matter, name), name.to_owned())).collect()
    }

    fn checked(
        &self,
        actor: &Actor,
        candidate: Result<Policies, Vec<PolicyProblem>>,
    ) -> Result<Policies, GovernError> {
        let refuse = |sha256, reason: &str, problems: Vec<PolicyProblem>| {
            let what = What::PolicyRejected {
                sha256,
                reason: reason.to_owned(),
                problems: u32::try_from(problems.len()).unwrap_or(u32::MAX),
            };
            self.record(actor, what)?;
            Err(GovernError::Faulty { problems })
        };
        let policies = match candidate {
            Ok(policies) => policies,
            Err(problems) => return refuse(None, "faults", problems),
        };
        let failed = policies.examples().into_iter().filter(|example| !example.ok);
        let failed: Vec<PolicyProblem> = failed.map(PolicyProblem::from).collect();
        if !failed.is_empty() {
            return refuse(Some(policies.digest()), "examples", failed);
        }
        Ok(policies)
    }

    /// A version with its number, named by that or by the beginning of its digest.
    ///
    /// # Errors
    /// [`GovernError::NotFound`].
    pub fn version(&self, named: &str) -> Result<(u32, PolicyRow), GovernError> {
        /// Digits of a digest that name a version.
        const DIGITS_MIN: usize = 8;
        let is_number = named.len() < DIGITS_MIN;
        // The newest, where a set was in force more than once.
        (1..)
            .zip(self.catalogue.policy_versions()?)
            .filter(|(number, row)| match is_number {
                true => named.parse() == Ok(*number),
                false => row.sha256.to_string().starts_with(named),
            })
            .last()
            .ok_or(GovernError::NotFound { what: "version" })
    }

    /// Everybody who may ask, as they stand now, by token.
    fn people(&self) -> Result<BTreeMap<Token, Principal>, GovernError> {
        let mut people = BTreeMap::new();
        for row in self.accounts.list()?.into_iter().filter(|row| !row.disabled) {
            let token = self.vault.token(TokenKind::Person, row.name.as_str());
            people.insert(token, self.accounts.principal(row.name.as_str())?);
        }
        Ok(people)
    }

    fn seal_policies(
        &self,
        source: &PolicySource,
    ) -> Result<crate::domain::payload::PayloadRef, GovernError> {
        let bytes = serde_json::to_vec(source).unwrap_or_default();
        Ok(self.vault.seal(&KeyScope::system(), &bytes)?)
    }

    fn open_policies(&self, change: &PolicyChange) -> Result<PolicySource, GovernError> {
        let bytes = self.vault.open_payload(&change.contents)?;
        serde_json::from_slice(&bytes).map_err(|_| GovernError::NotFound { what: "policies" })
    }
}
