//! The grammar of `affiant audit …`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::duty_args::CredentialArgs;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Verify a log, offline, from its verifier key or a policy.
    Verify(VerifyArgs),
    /// Entries, oldest first: the newest of those that match.
    List {
        #[command(flatten)]
        filter: FilterArgs,
        /// Entries at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// One entry; with `--reveal`, the contents behind it.
    Show {
        /// Its index.
        index: u64,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
        /// Open the contents that it commits to: on record, with a reason.
        #[arg(long, requires_all = ["as_user", "reason"])]
        reveal: bool,
        /// Why they are opened.
        #[arg(long, value_name = "R", requires = "reveal")]
        reason: Option<String>,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// A C2SP tlog-proof of one entry.
    Proof(ProofArgs),
    /// Check a C2SP tlog-proof, offline: that the log with this key holds an entry of these bytes.
    CheckProof(CheckProofArgs),
    /// The record as a file: a bundle that proves itself, or entries in a format of others.
    Export(ExportArgs),
    /// RFC 3161 timestamps, carried by hand: write a request of the current checkpoint, or check
    /// and keep the reply to one.
    Timestamp {
        /// Where to write a request.
        #[arg(long, value_name = "TSQ", required_unless_present = "reply")]
        request: Option<PathBuf>,
        /// The authority's reply.
        #[arg(long, value_name = "TSR", conflicts_with = "request")]
        reply: Option<PathBuf>,
        /// Certificates of the authorities that are trusted, PEM.
        #[arg(long, value_name = "PEM", requires = "reply")]
        ca: Option<PathBuf>,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// Witness the logs of other machines: remember how far each had come, and cosign only what
    /// continues it.
    Witness(WitnessArgs),
    /// The certificate of an ethical wall: who is kept from a matter, and that the record shows
    /// nothing of it reaching them; signed.
    Wall(WallArgs),
    /// The accounting of disclosures about a patient (45 CFR 164.528).
    Disclosures(DisclosuresArgs),
    /// Run a past answer again from its record, and list what differs.
    Replay {
        /// An entry of the question.
        index: u64,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
        /// Show the words that differ: recorded with the reason.
        #[arg(long, requires_all = ["as_user", "reason"])]
        reveal: bool,
        /// Why they are shown.
        #[arg(long, value_name = "R", requires = "reveal")]
        reason: Option<String>,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// The keys that sign the log.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER", global = true)]
        as_user: Option<String>,
    },
    /// Every entry type, its fields and when it is written, and every kind of problem that
    /// `verify` finds, as Markdown tables.
    Inventory,
}

#[derive(Args, Debug)]
pub(super) struct ProofArgs {
    /// The entry's index.
    pub(super) index: u64,
    /// Where to write the proof.
    #[arg(long, value_name = "F")]
    pub(super) out: PathBuf,
    /// Where to write the exact bytes that it proves, too.
    #[arg(long, value_name = "F")]
    pub(super) leaf: Option<PathBuf>,
    /// With this person's rights.
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct CheckProofArgs {
    /// The proof.
    pub(super) proof: PathBuf,
    /// The exact bytes of the entry.
    #[arg(long, value_name = "F")]
    pub(super) leaf: PathBuf,
    /// File with the log's verifier key.
    #[arg(long, value_name = "FILE")]
    pub(super) vkey: PathBuf,
}

#[derive(Args, Debug)]
pub(super) struct WitnessArgs {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8444")]
    pub(super) listen: SocketAddr,
    /// Verifier key of a log, or a file that holds it; repeat for several logs, and for several
    /// keys of one.
    #[arg(long, required = true, value_name = "VKEY")]
    pub(super) log: Vec<String>,
    /// Folder of the witness's own key and of what it remembers; made on first start.
    #[arg(long, value_name = "DIR", default_value = "affiant-witness")]
    pub(super) state: PathBuf,
    /// Name of its key, fixed on first start; a host and path, such as auditor.example/w1.
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Certificate chain, PEM; else plain HTTP: what is sent is signed and names nobody.
    #[arg(long, value_name = "F", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Private key, PEM.
    #[arg(long, value_name = "F", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    /// The log folder, or a bundle as a file or unpacked; else the home's logs, and that the vault
    /// holds, or erased on record, everything that their entries commit to.
    pub(super) log: Option<PathBuf>,
    /// File with the verifier key; else `log.vkey` beside the log folder, `log-1.vkey` beside
    /// `log-1`.
    #[arg(long, value_name = "FILE")]
    pub(super) vkey: Option<PathBuf>,
    /// A tlog-policy instead of a key: any key of its logs, cosigned by its quorum.
    #[arg(long, value_name = "FILE", conflicts_with = "vkey")]
    pub(super) policy: Option<PathBuf>,
    /// An earlier checkpoint of this log: it must be the beginning of today's.
    #[arg(long, value_name = "CHECKPOINT")]
    pub(super) since: Option<PathBuf>,
    /// Of a home, verify the log alone and open none of the contents in the vault.
    #[arg(long, conflicts_with = "log")]
    pub(super) log_only: bool,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// The verifier keys of those that sign today, the newest first.
    List,
    /// Make a new key; both sign until the old one is retired.
    Rotate,
    /// Let only the new key sign.
    Retire,
    /// A key leaked: end this log, and begin another with a new key and origin.
    Compromised,
}

#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    /// bundle, jsonl, csv, fhir, ocsf or cef.
    #[arg(long)]
    pub(super) format: String,
    /// Where to write it.
    #[arg(long, value_name = "PATH")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Why it is handed out: recorded. A code of HL7's ActReason, such as PATRQT, where one fits.
    #[arg(long)]
    pub(super) purpose: Option<String>,
    /// Who receives it, by name and address: recorded behind a commitment.
    #[arg(long)]
    pub(super) recipient: Option<String>,
    /// A bundle of the log of this number, from 1; else of the one that is written. Another log
    /// begins when a key leaked.
    #[arg(long, value_name = "N")]
    pub(super) epoch: Option<u32>,
    /// A bundle of this signed checkpoint; else of the newest.
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoint: Option<PathBuf>,
    /// The checkpoint that the recipient had before; else that of the last bundle.
    #[arg(long, value_name = "FILE")]
    pub(super) since_checkpoint: Option<PathBuf>,
    /// With this person's rights.
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: Option<String>,
}

#[derive(Args, Debug, Default)]
pub(super) struct FilterArgs {
    /// Entry type, or its part before the dot.
    #[arg(long = "type", value_name = "T")]
    pub(super) kind: Option<String>,
    /// Account name of a person.
    #[arg(long)]
    pub(super) user: Option<String>,
    /// Name of a matter.
    #[arg(long)]
    pub(super) matter: Option<String>,
    /// Name of a patient.
    #[arg(long)]
    pub(super) patient: Option<String>,
    /// Id of a document.
    #[arg(long)]
    pub(super) document: Option<String>,
    /// From this time on: RFC 3339, or a date.
    #[arg(long)]
    pub(super) since: Option<String>,
    /// Up to and including this time: RFC 3339, or a date, which counts whole.
    #[arg(long)]
    pub(super) until: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct WallArgs {
    /// Name of the matter.
    #[arg(long)]
    pub(super) matter: String,
    /// Folder for `certificate.md` and the signed `certificate.dsse.json`.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// With this person's rights.
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct DisclosuresArgs {
    /// Name of the patient.
    #[arg(long)]
    pub(super) patient: String,
    /// From this time on: RFC 3339, or a date.
    #[arg(long)]
    pub(super) since: Option<String>,
    /// Up to and including this time: RFC 3339, or a date, which counts whole.
    #[arg(long)]
    pub(super) until: Option<String>,
    /// Where to write it for printing, as Markdown.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// With this person's rights.
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: Option<String>,
}
