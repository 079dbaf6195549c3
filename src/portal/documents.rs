//! The catalogue and the viewer.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::answer::PageView;
use crate::catalogue::Document;
use crate::domain::access::Labels;
use crate::domain::document::TextOrigin;
use crate::domain::ids::RequestId;
use crate::domain::limits::TITLE_CHARS_MAX;
use crate::domain::question::Scope;
use crate::http::problem::blocking;
use crate::http::{Caller, Declared, Kind, Problem, UseCases, declared_pairs, document_id};
use crate::policy::Action;

use super::address;
use super::pages::{allows, frame, show};
use super::views::{
    DocumentLine, DocumentsPage, Highlight, Moment, PageBody, Pager, Place, Run, ViewerPage,
    percent, runs,
};

/// Documents of one page of the list.
const LISTED: usize = 50;

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    q: String,
    from: Option<usize>,
}

#[derive(Deserialize)]
pub(super) struct Where {
    page: Option<u32>,
    span: Option<String>,
}

/// `GET /documents?q=WORDS&from=N&purpose=&matter=&patient=`.
pub(super) async fn list_documents(
    cases: web::Data<UseCases>,
    caller: Caller,
    query: web::Query<Wanted>,
    declared: web::Query<Declared>,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || {
        let Wanted { q, from } = query.into_inner();
        let scope = declared.into_inner().scope()?;
        let filter: String = q.trim().chars().take(TITLE_CHARS_MAX).collect();
        let asker = caller.asker();
        let listed = cases.reader.documents_for(&asker, &scope)?;
        let entry = listed.receipt().index().0;
        let opens = cases.reader.opens(&asker, &scope);
        let words: Vec<_> = filter.split_whitespace().map(str::to_lowercase).collect();
        let found: Vec<_> = listed
            .iter()
            .filter(|document| {
                let title = document.card.title.to_lowercase();
                words.iter().all(|word| title.contains(word))
            })
            .collect();
        let from = from.unwrap_or(0).min(found.len());
        let shown = found.iter().skip(from).take(LISTED);
        let documents: Vec<_> =
            shown.map(|document| line(&cases, document, opens(document))).collect();
        Ok(DocumentsPage {
            frame: frame(&cases, &caller, Some(Place::Documents)),
            pager: pager(&filter, &scope, from, found.len()),
            filter,
            declared: declarable(&scope),
            carried: carried(None, &scope),
            documents,
            takes_uploads: allows(&cases, &caller, Action::Ingest),
            takes_labels: allows(&cases, &caller, Action::LabelDocuments),
            read_entry: Some(entry),
            opens_entries: allows(&cases, &caller, Action::ReadLog),
        })
    })
    .await?;
    show(&page)
}

/// `GET /documents/{id}?page=N&span=A-B&query=ID&purpose=&matter=&patient=`.
pub(super) async fn show_page(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
    query: web::Query<Where>,
    declared: web::Query<Declared>,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || {
        let id = document_id(&id)?;
        let span = query.span.as_deref().map(parse_span).transpose()?;
        let sought = declared.into_inner().sought(id)?;
        let carried = carried(sought.query, &sought.scope);
        let viewed = cases.reader.page(&caller.asker(), sought, query.page.unwrap_or(1), span)?;
        let entry = viewed.receipt().index().0;
        let (view, _) = viewed.into_parts();
        let text = cases.reader.catalogue.text(&view.document);
        let is_recognised = text.is_ok_and(|text| {
            text.page(view.page).is_some_and(|page| page.origin == TextOrigin::Ocr)
        });
        let body = body(&view, &carried);
        let (text, problem) = mark(&view, &body, span);
        Ok(ViewerPage {
            frame: frame(&cases, &caller, Some(Place::Documents)),
            id: id.to_string(),
            title: view.document.card.title.clone(),
            labels: pairs(&view.document.card.labels),
            page: view.page,
            pages: view.document.row.pages,
            carried,
            body,
            text,
            is_recognised,
            sure: view.confidence.map(percent),
            problem,
            entry: Some(entry),
            opens_entries: allows(&cases, &caller, Action::ReadLog),
        })
    })
    .await?;
    show(&page)
}

fn line(cases: &UseCases, document: &Document, opens: bool) -> DocumentLine {
    let taken_in = cases.log.read(document.row.entry).ok().map(|entry| Moment(entry.ts()));
    DocumentLine {
        id: document.row.document.to_string(),
        title: document.card.title.clone(),
        pages: document.row.pages,
        labels: pairs(&document.card.labels),
        state: "Searchable".to_owned(),
        added: taken_in,
        opens,
    }
}

fn pairs(labels: &Labels) -> Vec<(String, String)> {
    labels.pairs().into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn pager(filter: &str, scope: &Scope, from: usize, count: usize) -> Pager {
    let at = |from: usize| {
        let from = if from == 0 { String::new() } else { from.to_string() };
        let pairs: Vec<_> =
            [("q", filter), ("from", &from)].into_iter().chain(declared_pairs(scope)).collect();
        address::with_query("/documents", &pairs)
    };
    let next = from.saturating_add(LISTED);
    Pager {
        newer: (from > 0).then(|| at(from.saturating_sub(LISTED))),
        older: (next < count).then(|| at(next)),
        range: format!("{}–{} of {count}", from.saturating_add(1), next.min(count)),
    }
}

/// `A-B`, code points of the page.
fn parse_span(text: &str) -> Result<(u32, u32), Problem> {
    let parsed = text
        .split_once('-')
        .and_then(|(start, end)| Some((start.parse().ok()?, end.parse().ok()?)));
    let bad = || Problem::new(Kind::BadRequest, "A span is two numbers, such as 120-180.");
    parsed.filter(|(start, end)| start < end).ok_or_else(bad)
}

/// How somebody came here, as it stands in addresses.
fn carried(query: Option<RequestId>, scope: &Scope) -> Vec<(&'static str, String)> {
    let query = query.map(|query| ("query", query.to_string()));
    let declared = declared_pairs(scope).into_iter().filter(|(_, value)| !value.is_empty());
    query.into_iter().chain(declared.map(|(name, value)| (name, value.to_owned()))).collect()
}

/// The fields for what may be declared: key, name, value.
fn declarable(scope: &Scope) -> Vec<(&'static str, &'static str, String)> {
    let names = ["Purpose", "Matter", "Patient"];
    let pairs = declared_pairs(scope).into_iter().zip(names);
    pairs.map(|((key, value), name)| (key, name, value.to_owned())).collect()
}

fn body(view: &PageView, carried: &[(&'static str, String)]) -> PageBody {
    let path = format!("/api/v1/documents/{}/pages/{}.png", view.document.row.document, view.page);
    let pairs: Vec<_> = carried.iter().map(|(name, value)| (*name, value.as_str())).collect();
    match view.size {
        Some([width, height]) if view.document.card.kind == "pdf" => PageBody::Picture {
            picture: address::with_query(&path, &pairs),
            width,
            height,
            highlights: Highlight::from_boxes(&view.boxes),
        },
        Some(_) | None => PageBody::Text,
    }
}

/// The page's text with the span marked, and why it is not marked where it should be.
fn mark(view: &PageView, body: &PageBody, span: Option<(u32, u32)>) -> (Vec<Run>, Option<String>) {
    let Some(text) = runs(&view.text, span) else {
        let whole = runs(&view.text, None).unwrap_or_default();
        return (whole, Some("The place that was asked for is not on this page.".to_owned()));
    };
    let is_unseen = span.is_some()
        && matches!(body, PageBody::Picture { highlights, .. } if highlights.is_empty());
    let why = "The place cannot be shown on the picture; it is marked in the text below.";
    (text, is_unseen.then(|| why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_two_numbers_in_order() {
        let table = [
            ("0-1", Some((0, 1))),
            ("7-7", None),
            ("9-3", None),
            ("a-b", None),
            ("-1-2", None),
            ("5", None),
        ];
        for (text, span) in table {
            assert_eq!(parse_span(text).ok(), span, "{text}");
        }
    }

    #[test]
    fn the_pager_leads_to_the_neighbours_that_exist() {
        let nothing = Scope::default();
        let first = pager("lease & co", &nothing, 0, 120);
        assert_eq!((first.newer, first.range.as_str()), (None, "1–50 of 120"));
        assert_eq!(first.older.as_deref(), Some("/documents?q=lease%20%26%20co&from=50"));
        let last = pager("", &nothing, 100, 120);
        assert_eq!(last.newer.as_deref(), Some("/documents?from=50"));
        assert_eq!((last.older, last.range.as_str()), (None, "101–120 of 120"));
        let treating = Scope { purpose: Some("treatment".to_owned()), ..nothing };
        let newer = pager("", &treating, 50, 60).newer.unwrap();
        assert_eq!(newer, "/documents?purpose=treatment", "what was declared goes on");
    }
}
