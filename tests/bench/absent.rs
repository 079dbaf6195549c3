//! Can a clock tell a document that is not for somebody from one that is not there? Both are asked for
//! in turn, in no order, and every time is kept: the figure to read is how often the best guess from
//! one time would be right, beside how often it would be between two that are both not there.
//!
//! What a reply takes beyond this, the network and the page, is the same bytes for both.

mod support;
#[expect(dead_code, reason = "it makes up no texts and no vectors")]
mod synthetic;

use std::time::Duration;

use affiant::answer::{Asker, ReadError};
use affiant::app::{self, App, InitOptions};
use affiant::audit::{Added, What};
use affiant::domain::access::Labels;
use affiant::domain::document::DocumentCard;
use affiant::domain::ids::{DocumentId, EntryIndex, Generation};
use affiant::domain::payload::TokenKind;
use affiant::domain::principal::{Attributes, Role, Via};
use affiant::govern::{Changer, Governor};
use affiant::identity::NewAccount;
use affiant::store::{DocumentRow, KeyScope};

use self::support::{Bench, tell, tell_times};
use self::synthetic::Numbers;

const DOCUMENTS: usize = 200;
const ROUNDS: usize = 50;
/// The orders in which one of each is asked for.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

fn main() -> anyhow::Result<()> {
    let bench = Bench::start("absent: a document that is forbidden, and one that is not there");
    for set in ["general", "law", "hospital"] {
        under(&bench, set)?;
    }
    bench.tell_reference();
    Ok(())
}

fn under(bench: &Bench, set: &str) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let options = affiant::config::load(dir.path(), std::env::vars())?;
    let (admin, approver) = ("admin".parse()?, "approver".parse()?);
    let init = InitOptions { admin, approver, policies: set.to_owned() };
    let app = app::create(&options, &init)?.app;
    let asker = clerk(&app)?;
    let count = bench.size(DOCUMENTS, 3);
    let forbidden = (0..count).map(|number| walled(&app, number)).collect::<anyhow::Result<_>>()?;
    app.catalogue.catch_up()?;
    let absent = |kind: &str| -> Vec<DocumentId> {
        (0..count).map(|number| DocumentId::of(format!("{kind} {number}").as_bytes())).collect()
    };
    let sought: [Vec<DocumentId>; 3] = [forbidden, absent("absent"), absent("absent too")];
    let ask = |document: DocumentId| {
        let (answer, took) = bench.time(|| app.reader.page(&asker, document, 1, None));
        anyhow::ensure!(matches!(answer, Err(ReadError::NotFound)), "it is not for them");
        Ok(took)
    };
    let mut numbers = Numbers::from_seed(7);
    let mut times: [Vec<Duration>; 3] = Default::default();
    for round in 0..=bench.size(ROUNDS, 1) {
        for number in 0..count {
            let order = usize::try_from(numbers.next() % ORDERS.len() as u64)?;
            for which in ORDERS.get(order).into_iter().flatten() {
                let (Some(of), Some(into)) = (sought.get(*which), times.get_mut(*which)) else {
                    continue;
                };
                let took = ask(of.get(number).copied().unwrap_or(DocumentId::of(b"")))?;
                // What is told of for the first time is an entry, which takes the disk's time.
                if round > 0 {
                    into.push(took);
                }
            }
        }
    }
    let [forbidden, absent, other] = &mut times;
    tell_times(&format!("{set}: forbidden"), forbidden);
    tell_times(&format!("{set}: not there"), absent);
    tell_times(&format!("{set}: not there either"), other);
    let [between, noise] = [guessed(forbidden, absent), guessed(other, absent)];
    let figures = format!("{between:.1} % of the time; of two not there {noise:.1} %");
    tell(&format!("{set}: the best guess is right"), figures);
    Ok(())
}

/// How often, in per cent, the best guess is right which of two sorted lists one time is of: by
/// whether it is above some bound. The half of it is chance.
fn guessed(one: &[Duration], other: &[Duration]) -> f64 {
    let share = |times: &[Duration], bound: &Duration| {
        times.partition_point(|time| time <= bound) as f64 / times.len() as f64
    };
    let bounds = one.iter().chain(other);
    let apart = bounds.map(|bound| (share(one, bound) - share(other, bound)).abs());
    50.0 * (1.0 + apart.fold(0.0, f64::max))
}

/// Somebody of the staff whom no matter was given.
fn clerk(app: &App) -> anyhow::Result<Asker> {
    let new = NewAccount {
        name: "clerk".parse()?,
        roles: [Role::Staff].into(),
        attributes: Attributes::new(),
        password: None,
    };
    let operator = Governor::operator(Via::Cli, None);
    app.governor.create_account(Changer::Operator, &operator, new)?;
    let principal = app.governor.accounts.principal("clerk")?;
    let actor = app.governor.actor("clerk", Via::Http, None);
    Ok(Asker { principal, actor, session: None })
}

/// A document of a matter, as ingest leaves it, but for its text, which nobody gets to read.
fn walled(app: &App, number: usize) -> anyhow::Result<DocumentId> {
    let document = DocumentId::of(&number.to_be_bytes());
    let matter = format!("matter=M-{}", number % 7);
    let labels = Labels::parse(["classification=internal", matter.as_str()])?;
    let class = app.catalogue.class_of(&labels)?;
    let token = app.vault.subject(TokenKind::Document, &document.to_string())?;
    let scope = KeyScope::of(TokenKind::Document, &token);
    let card = DocumentCard {
        title: format!("Document {number}"),
        name: String::new(),
        path: String::new(),
        kind: "text".to_owned(),
        labels,
        warnings: Vec::new(),
        password: None,
    };
    let card = app.vault.seal(&scope, &serde_json::to_vec(&card)?)?;
    let (original, text, generation) = (card.clone(), card.clone(), Generation(1));
    let row = DocumentRow {
        document,
        token,
        generation,
        class,
        card,
        original,
        text,
        geometry: None,
        pages: 1,
        passages: 1,
        entry: EntryIndex(0),
        deleted: None,
    };
    let payload = app.vault.seal(&row.scope(), &serde_json::to_vec(&row)?)?;
    app.record_own(What::DocumentActivated {
        document: row.token.clone(),
        generation: generation.0,
        passages: 1,
        pages: 1,
        size_bytes: 1,
        class: row.class.0,
        models: Added(None),
        payload: Some(payload),
    })?;
    Ok(document)
}
