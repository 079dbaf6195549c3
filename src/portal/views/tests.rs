//! What every page promises: inert content, the marks that others rely on, no dead template.

use std::collections::BTreeSet;
use std::path::Path;

use askama::Template;

use super::samples;
use crate::domain::answer::Outcome;

/// Markup, quotes, template syntax, a script address and a direction override.
const HOSTILE: &str =
    "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 }}{% raw %}&\u{202e}";

fn count(page: &str, needle: &str) -> usize {
    page.matches(needle).count()
}

#[test]
fn hostile_content_is_inert_on_every_page() {
    let plain: Vec<_> = samples::all("plain");
    for ((name, page), (_, plain)) in samples::all(HOSTILE).into_iter().zip(plain) {
        assert!(
            page.contains("&#60;script&#62;alert(1)"),
            "{name}: the sample must reach the page"
        );
        // Hostile or plain, a page has the same tags and attributes.
        for mark in ["<", ">", "\"", "<script", "<img", " onerror="] {
            let text = if mark == " onerror=" {
                page.replace("src=x onerror=alert", "")
            } else {
                page.clone()
            };
            assert_eq!(count(&text, mark), count(&plain, mark), "{name}: {mark}");
        }
    }
}

#[test]
fn no_page_has_inline_script_or_style_or_another_host() {
    for (name, page) in samples::all("plain") {
        for banned in
            [" style=", "<style", " onclick=", " onload=", "javascript:", "http://", "https://"]
        {
            assert!(!page.contains(banned), "{name}: {banned}");
        }
        assert_eq!(count(&page, "<script"), count(&page, "<script type=\"module\" src=\"/assets/"));
    }
}

#[test]
fn every_posting_form_carries_the_token() {
    for (name, page) in samples::all("plain") {
        let token = count(&page, "<input type=\"hidden\" name=\"csrf\"");
        assert_eq!(count(&page, "method=\"post\""), token, "{name}");
    }
}

#[test]
fn every_page_has_one_heading_a_main_landmark_and_unique_ids() {
    for (name, page) in samples::all("plain") {
        assert_eq!(count(&page, "<h1 "), 1, "{name}");
        assert_eq!(count(&page, "<main "), 1, "{name}");
        assert!(page.contains("href=\"#main\""), "{name}");
        let live = page.split("<template").next().unwrap();
        let ids: Vec<_> =
            live.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "{name}: {ids:?}");
        for reference in ["for=\"", "aria-labelledby=\"", "aria-describedby=\""] {
            for id in live.split(reference).skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(ids.contains(&id), "{name}: nothing has the id {id}");
            }
        }
    }
}

#[test]
fn an_answer_shows_verdicts_citations_sources_and_receipt() {
    let page = samples::ask(Some(Outcome::Answered), true, "plain").render().unwrap();
    let page = page.split("<template").next().unwrap();
    assert_eq!(count(page, "data-verdict=\"supported\""), 1);
    assert_eq!(count(page, "data-verdict=\"partly\""), 1);
    assert_eq!(count(page, " data-citation "), 3);
    assert_eq!(count(page, " data-cited>"), 2);
    assert!(page.contains("page=3&#38;span=1010-1020&#38;query="), "{page}");
    assert!(page.contains("Written by a model from the cited sources."));
    assert!(page.contains("data-entry=\"43\" href=\"/audit/43\">43</a>"));
    assert!(page.contains("href=\"/audit/41\">41</a>"));
    let number = |text: &str| count(page, &format!("data-slot=\"number\">{text}<"));
    assert_eq!((number("3"), number("1"), number("4")), (1, 1, 1));
    assert_eq!(count(page, "data-slot=\"sure\"> · read by recognition, 71 % sure</span>"), 1);
    assert_eq!(count(page, "data-slot=\"sure\" hidden>"), 2);
}

#[test]
fn entry_numbers_stand_there_for_people_who_cannot_open_them() {
    let page = samples::ask(Some(Outcome::Answered), false, "plain").render().unwrap();
    assert!(page.contains("data-entry=\"43\">43</strong>"));
    assert!(!page.contains("href=\"/audit/43\""));
}

#[test]
fn what_is_not_answered_is_told_and_has_a_receipt_too() {
    for (outcome, key) in
        [(Outcome::Refused, "refused"), (Outcome::Denied, "denied"), (Outcome::Failed, "failed")]
    {
        let page = samples::ask(Some(outcome), false, "plain").render().unwrap();
        let page = page.split("<template").next().unwrap();
        assert!(page.contains(&format!("data-no-answer=\"{key}\"")));
        assert_eq!(count(page, "data-verdict"), 0);
        assert!(page.contains("data-entry=\"43\""));
        assert!(page.contains("data-slot=\"authorship\" hidden"), "{key}");
    }
}

#[test]
fn the_blank_markup_for_the_script_names_no_entry() {
    let page = samples::ask(None, true, "plain").render().unwrap();
    for name in ["answer", "sentence", "source", "refused", "denied", "failed"] {
        assert_eq!(count(&page, &format!("<template data-template=\"{name}\"")), 1, "{name}");
    }
    assert!(page.contains("data-entry=\"\" href=\"\"></a>"));
    assert!(page.contains("data-slot=\"receipt\" aria-label=\"Receipt\" hidden"));
}

#[test]
fn every_slot_that_the_script_fills_is_in_the_page() {
    let page = samples::ask(None, true, "plain").render().unwrap();
    let script = std::str::from_utf8(crate::portal::assets::ASK_SCRIPT.bytes).unwrap();
    let named = ["put(", "slot(", "showEntry("].iter().flat_map(|call| {
        script.split(call).skip(1).filter_map(|rest| {
            let arguments = rest.split_once(')')?.0;
            arguments.split('"').nth(1)
        })
    });
    let named: BTreeSet<_> = named.collect();
    assert!(named.len() > 20, "{named:?}");
    for slot in named {
        assert!(page.contains(&format!("data-slot=\"{slot}\"")), "no slot {slot}");
    }
}

#[test]
fn the_viewer_marks_boxes_over_the_picture_and_spans_in_text() {
    let picture = samples::viewer(true, "plain").render().unwrap();
    assert!(picture.contains("<img data-page=\"2\" src=\"/api/v1/documents/abc/pages/2.png"));
    assert!(picture.contains("<svg viewBox=\"0 0 612 792\""));
    let rect = "<rect data-highlight x=\"72\" y=\"100\" width=\"228\" height=\"12.5\"/>";
    assert!(picture.contains(rect), "{picture}");
    assert_eq!(count(&picture, "data-highlight"), 2);
    assert!(picture.contains("The marked words were read by recognition, 71 % sure"));
    let text = samples::viewer(false, "plain").render().unwrap();
    assert_eq!(count(&text, "data-sure"), 0);
    assert!(text.contains("before <mark data-highlight>plain</mark> after"));
    assert_eq!(count(&text, "<img"), 0);
    for page in [picture, text] {
        assert!(page.contains("rel=\"prev\" href=\"/documents/abc?page=1&#38;query=q\""));
        assert!(page.contains("rel=\"next\" href=\"/documents/abc?page=3&#38;query=q\""));
    }
}

#[test]
fn every_template_file_is_used() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let listed = |folder: &Path| -> Vec<String> {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "html"))
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    };
    let names = |folder: &Path, under: &str| -> Vec<String> {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".html"))
            .map(|name| format!("{under}{name}"))
            .collect()
    };
    let partials = folder.join("partials");
    let templates = [listed(&folder), listed(&partials)].concat().concat();
    let views = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/portal/views");
    let views: String = std::fs::read_dir(views)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    for name in [names(&folder, ""), names(&partials, "partials/")].concat() {
        let quoted = format!("\"{name}\"");
        assert!(
            views.contains(&format!("path = {quoted}")) || templates.contains(&quoted),
            "{name} is used by nothing"
        );
    }
    assert!(!templates.contains("|safe") && !templates.contains("| safe"));
}
