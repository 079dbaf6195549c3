//! Accounts, relationships, emergencies, changes for two persons, holds, erasure: each decided, recorded, then in effect.
//!
//! **Two persons.** [`Governor::propose`] puts a change into the queue; somebody else, who proves who
//! they are ([`Confirmed`](crate::identity::Confirmed)), approves it before it expires. It takes
//! effect through one function, also where a crash fell between the approval and the effect:
//! [`Governor::resume`] finishes what the log says was approved.
//!
//! **Holds and retention.** What a hold keeps is neither deleted nor erased, nor is what is younger
//! than its class demands; each refusal is on record. What is older than its class allows is listed
//! as due, and goes by itself where the class says so.
//!
//! **Policies** are proposed with what they would change for past questions, and come into force at
//! once when a second person approves them.
//!
//! **Relationships** are imported a source at a time, whole also where a crash cuts it off, or set by
//! hand; what takes access away holds at once and is lifted by two persons.
//!
//! **Emergencies** open a matter or patient for a time to somebody who has just shown who they are;
//! somebody else judges each afterwards.
//!
//! **Erasure** destroys the keys of all that belongs to a document, matter or patient, then purges
//! every store; see [`ErasureStep`]. The log stays whole and names what was erased by token.
//!
//! Does not do: backups, which keep what they hold; the server of a Qdrant cluster, which compacts in
//! its own time.

mod accounts;
mod changes;
mod credentials;
mod documents;
mod emergencies;
mod erasure;
mod holds;
mod keys;
mod policies;
mod queue;
mod relationships;
mod retention;
mod said;
mod sessions;
mod sign_on;
mod subjects;
mod walled;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::answer::SimulateError;
use crate::audit::{Actor, AppendError, Event, Log, ReadError, What};
use crate::catalogue::{Catalogue, CatalogueError};
use crate::domain::access::InvalidLabel;
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::digest::Digest;
use crate::domain::ids::RequestId;
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::{Principal, Role, UserName, Via};
use crate::domain::relationship::RelationshipKind;
use crate::identity::openid::Provider;
use crate::identity::{AccountError, Accounts, SignInError};
use crate::ingest::{IngestError, Ingestor};
use crate::policy::{Action, Denial, Policies, PolicyProblem};
use crate::store::{ChangeRow, RevealError, State, StateError, Vault, VaultError};

pub use accounts::{Disabled, Made};
pub use changes::Progress;
pub use emergencies::{EmergencyAlerts, EmergencyReport, EmergencyRules, SeenDocument};
pub use erasure::ErasureStep;
pub use policies::{Compared, Explained, Offer, Sighting, Simulation};
pub use queue::{Listed, SeenChange};
pub use relationships::{BadLine, Closing, ImportReport, NewWall, PersonChange, Reach, WallSet};
pub use retention::{Kept, Retention, RetentionClass};
pub use sessions::{EnterError, Revoked};
pub use sign_on::SignOnFailure;

/// Why a change did not take effect.
#[derive(Debug, thiserror::Error)]
pub enum GovernError {
    /// The account does not allow it.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The policy does not allow it.
    #[error("{}", .0.reason)]
    Denied(Denial),
    /// The log cannot append: nothing changed.
    #[error("the audit log cannot record this, so nothing was changed: {0}")]
    NotRecorded(#[from] AppendError),
    /// One administrator alone would open what is not theirs to open.
    #[error(
        "one person alone makes an account that a second one may make staff, and nothing else: make it so, then propose the rest with `affiant user grant`, for a second person to approve"
    )]
    TwoPersons,
    /// Without them nothing that takes two persons could be done any more.
    #[error(
        "nobody else can act as {role}: have another one approved with `affiant user grant`, or leave it to the machine's operator"
    )]
    LastOne {
        /// The role.
        role: Role,
    },
    /// It would keep nobody away.
    #[error(
        "this end is past, so the wall would keep nobody away: give one that is to come, or none"
    )]
    EndsInThePast,
    /// Nobody opens anything for themselves.
    #[error(
        "the file would give {who} access: {what}. Whoever imports a file is given nothing by it: let somebody else import it, or leave those lines away"
    )]
    OwnAccess {
        /// Who imports it.
        who: UserName,
        /// What it would give them.
        what: String,
    },
    /// No policy reads what it would give.
    #[error(
        "no policy in force reads `{kind}`, so this would keep nobody from anything: propose policies with a `forbid` on `principal.{kind}`, as the starter sets have (`affiant policy propose`)"
    )]
    NotHeeded {
        /// What kind of wall.
        kind: RelationshipKind,
    },
    /// What takes access away is no right.
    #[error(
        "walls and conflicts are set with `affiant relationships wall add` and lifted with `affiant relationships wall remove`"
    )]
    NotAGrant,
    /// One person would open a document to others.
    #[error(
        "these labels would open the document to others, which takes two persons: give a reason (`--reason`) and show who you are, then somebody else approves it. One person alone adds what shuts it: a matter, patient, client or department where none is, a higher classification, privilege"
    )]
    Loosens,
    /// The role needs a second person.
    #[error(
        "the role {role} needs a second person's approval: add the account without it, then propose it with `affiant user grant`"
    )]
    NeedsApproval {
        /// The role.
        role: Role,
    },
    /// Caller's fault: no such label.
    #[error(transparent)]
    Label(#[from] InvalidLabel),
    /// Who the account belongs to was not proved.
    #[error(transparent)]
    SignIn(SignInError),
    /// One administrator would let somebody in who may more than one person gives.
    #[error("only the machine's operator does this, without `--as`: {why}")]
    OperatorOnly {
        /// Why.
        why: &'static str,
    },
    /// One person is not two.
    #[error("{who} proposed this change: somebody else must approve it")]
    OwnProposal {
        /// Who.
        who: String,
    },
    /// Nobody helps to lift what keeps themselves away.
    #[error("this wall keeps {who} away: two others must propose and approve that it ends")]
    OwnWall {
        /// Who.
        who: String,
    },
    /// Nothing is kept of it.
    #[error("there is no such {what}")]
    NotFound {
        /// What.
        what: &'static str,
    },
    /// The change waits no more.
    #[error("it is {state}: nothing can be decided of it now")]
    NotOpen {
        /// How far it is.
        state: &'static str,
    },
    /// Lines of a file that cannot be taken: none of it was.
    #[error("{}", told(lines))]
    BadLines {
        /// The lines.
        lines: Vec<BadLine>,
    },
    /// The name of a matter, patient or client that cannot be one.
    #[error("this cannot be the name of a {what}: {expected}")]
    BadName {
        /// What it would be the name of.
        what: &'static str,
        /// What would do.
        expected: &'static str,
    },
    /// An emergency is not that long.
    #[error("an emergency lasts from 1 to {max_minutes} minutes: open another one later")]
    BadLength {
        /// At most.
        max_minutes: u64,
    },
    /// The same person has one open already.
    #[error("the emergency {emergency} is open for it already: close it first")]
    AlreadyOpen {
        /// Which.
        emergency: RequestId,
    },
    /// One person has enough of them.
    #[error("too many of your emergencies are open: close one first")]
    TooManyOpen,
    /// One person is not two.
    #[error("{who} opened this emergency: somebody else must review it")]
    OwnEmergency {
        /// Who.
        who: String,
    },
    /// Words about what is erased would outlive it.
    #[error("what it was about is erased: say what you think of it without a note")]
    NoNote,
    /// The log failed in the middle of an import.
    #[error(
        "the import stopped before its end: what it takes away is gone, the rest follows at the next start or with the next import: {0}"
    )]
    CutOff(#[source] AppendError),
    /// A hold keeps it.
    #[error("the hold {hold} keeps it: release the hold first, which takes two persons")]
    Held {
        /// The hold.
        hold: RequestId,
    },
    /// It must be kept longer.
    #[error(
        "document {document} must be kept until {until}: it may be erased, or kept shorter, then"
    )]
    TooYoung {
        /// Short id of the document.
        document: String,
        /// From when on it may be erased.
        until: Timestamp,
    },
    /// The policies fail a check.
    #[error("the policies are not taken: {}", listed(.problems))]
    Faulty {
        /// What is wrong, all of it.
        problems: Vec<PolicyProblem>,
    },
    /// Nothing would change.
    #[error("these policies are in force already")]
    InForce,
    /// The proposal rests on what is no more.
    #[error("other policies came into force since this was proposed: propose it again")]
    Outdated,
    /// Past questions could not be run again.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// What is kept cannot be opened.
    #[error(transparent)]
    Reveal(#[from] RevealError),
    /// A file cannot be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Whoever proposed it may do so no more.
    #[error(
        "{who}, who proposed it, has no account any more or may propose it no more: it is rejected; propose it again"
    )]
    Departed {
        /// Who.
        who: String,
    },
    /// Somebody else was first.
    #[error("the labels were changed meanwhile: look at them again, then change them")]
    Stale,
    /// The erasure stopped on the way.
    #[error("the erasure stopped before its end; it goes on at the next start")]
    Interrupted,
    /// The erasure left something behind: it is tried again at the next start.
    #[error("after the erasure {found} of it are left in {store}; it goes on at the next start")]
    Left {
        /// Where.
        store: &'static str,
        /// How much.
        found: u64,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The catalogue failed.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The indexes failed.
    #[error(transparent)]
    Index(#[from] IngestError),
}

impl GovernError {
    /// Whether a proposal rests on what is no more, for good.
    const fn is_outdated(&self) -> bool {
        matches!(self, Self::Outdated | Self::Faulty { .. } | Self::Stale)
    }
}

fn listed(problems: &[PolicyProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn told(lines: &[BadLine]) -> String {
    let lines: Vec<String> =
        lines.iter().map(|bad| format!("line {}: {}", bad.line, bad.problem)).collect();
    format!("nothing was changed, as lines of the file cannot be taken:\n{}", lines.join("\n"))
}

/// Who makes a change.
#[derive(Clone, Copy, Debug)]
pub enum Changer<'a> {
    /// The operator of this machine: may set up, reads no content.
    Operator,
    /// A person with an account.
    Person(&'a Principal),
}

/// Governs accounts, changes, holds and erasures.
pub struct Governor {
    /// The accounts.
    pub accounts: Accounts,
    /// Vouches for people besides: the organisation's OpenID provider.
    pub provider: Option<Provider>,
    /// Decides.
    pub policies: Policies,
    /// Where the policies in force are written for people to read.
    pub policy_folder: PathBuf,
    /// Records.
    pub log: Log,
    /// Makes tokens of names, holds keys.
    pub vault: Vault,
    /// Holds the queue of changes, and holds.
    pub state: State,
    /// Knows the documents.
    pub catalogue: Arc<Catalogue>,
    /// How long documents must be kept.
    pub retention: Retention,
    /// How long emergencies last.
    pub emergency_rules: EmergencyRules,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Holds the indexes, once they are open.
    pub indexes: Indexes,
    /// One change, hold, import or deletion at a time: some take minutes.
    pub turn: Turn,
    /// Whoever changes what somebody stands to, for that moment alone and after the turn: whatever
    /// else goes on, an emergency can be opened and a wall set.
    pub standings: Turn,
}

/// The indexes, once they are open: most commands need none.
#[derive(Default)]
pub struct Indexes(Mutex<Option<Arc<Ingestor>>>);

/// Whose turn it is.
#[derive(Default)]
pub struct Turn(Mutex<()>);

impl Turn {
    fn take(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Governor {
    /// How the log names a person who came through this door.
    pub fn actor(&self, name: &str, via: Via, os_user: Option<String>) -> Actor {
        Actor { id: self.vault.token(TokenKind::Person, name), via, os_user }
    }

    /// How the log names the machine's operator.
    pub fn operator(via: Via, os_user: Option<String>) -> Actor {
        Actor { id: Token::operator(), via, os_user }
    }

    /// Hands over the indexes, and finishes the erasures that waited for them.
    ///
    /// # Errors
    /// [`GovernError`]; what waits goes on waiting.
    pub fn attach(&self, ingestor: Arc<Ingestor>) -> Result<(), GovernError> {
        *self.indexes.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ingestor);
        self.resume()
    }

    fn ingestor(&self) -> Option<Arc<Ingestor>> {
        self.indexes.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn decide(&self, changer: Changer<'_>, action: Action) -> Result<(), GovernError> {
        match changer {
            Changer::Operator => Ok(()),
            Changer::Person(who) => match self.policies.may(who, action) {
                Ok(_allowed) => Ok(()),
                Err(denial) => Err(GovernError::Denied(denial)),
            },
        }
    }

    fn request(&self) -> RequestId {
        RequestId::fresh(self.clock.now(), self.entropy.as_ref())
    }

    fn record(&self, actor: &Actor, what: What) -> Result<(), AppendError> {
        self.record_as(actor, self.request(), what)
    }

    fn record_as(&self, actor: &Actor, req: RequestId, what: What) -> Result<(), AppendError> {
        let policy: Option<Digest> = Some(self.policies.digest());
        self.log.append(Event { actor: actor.clone(), req, policy, what })?;
        Ok(())
    }

    /// Records what the appliance itself does for a change.
    fn record_in(&self, row: &ChangeRow, what: What) -> Result<(), AppendError> {
        self.record_as(&Self::operator(Via::System, None), row.id, what)
    }
}
