//! From the picture of a page to words with places, and how sure they are.

use std::collections::HashMap;

use affiant::app::Models;
use affiant::document::{ParseOptions, Parsed, Raster, parse, rasterise};
use affiant::domain::document::{TextOrigin, slice_chars};

use crate::support::corpus::fixture;
use crate::support::record;
use crate::support::test_app::{TestApp, models};

const OPTIONS: ParseOptions<'_> = ParseOptions { password: None, deadline: None };

/// A born-digital file and the picture of its first page.
fn sample() -> (Parsed, Raster) {
    let bytes = std::fs::read(fixture("corpus").join("court-order-2025-cv-0884.pdf")).unwrap();
    (parse(&bytes, "order.pdf", &OPTIONS).unwrap(), rasterise(&bytes, None, 1).unwrap())
}

/// The first page as recognition reads it from this picture.
fn recognised(own: &Parsed, picture: &Raster) -> Parsed {
    let mut read = own.clone();
    read.pages.truncate(1);
    read.pages[0].text.clear();
    read.wanting = vec![1];
    let ocr = models().ocr.expect("provisioned with the other models");
    read.recognise(&ocr, &mut |_| Ok(picture.clone())).unwrap();
    read
}

/// A picture turned clockwise by quarter turns, as it lies on the glass.
fn turned(picture: &Raster, quarters: usize) -> Raster {
    (0..quarters).fold(picture.clone(), |picture, _| {
        let ((w, h), [wide, high]) = (picture.size(), picture.points());
        let pixel = |at: usize| picture.grey()[(h - 1 - at % h) * w + at / h];
        Raster::new(h, w, (0..w * h).map(pixel).collect(), [high, wide])
    })
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect()
}

/// The share of these words that are found.
fn recall(own: &str, read: &str) -> f64 {
    let mut left: HashMap<&str, usize> = HashMap::new();
    words(read).into_iter().for_each(|word| *left.entry(word).or_default() += 1);
    let own = words(own);
    let found = own.iter().filter(|word| {
        left.get_mut(**word).filter(|count| **count > 0).is_some_and(|count| {
            *count -= 1;
            true
        })
    });
    found.count() as f64 / own.len() as f64
}

#[test]
fn a_page_is_read_from_its_picture_whichever_way_up_it_lies() {
    let (own, picture) = sample();
    for quarters in [0, 1, 2] {
        let read = recognised(&own, &turned(&picture, quarters));
        let found = recall(&own.pages[0].text, &read.pages[0].text);
        assert!(found > 0.9, "{quarters}: {found}\n{}", read.pages[0].text);
        assert_eq!(read.pages[0].origin, TextOrigin::Ocr);
    }
}

#[test]
fn recognised_words_stand_where_the_files_own_do_and_say_how_sure_they_are() {
    let (own, picture) = sample();
    let read = recognised(&own, &picture);
    let mut compared = 0;
    for word in words(&own.pages[0].text).into_iter().filter(|word| word.len() > 6) {
        let place = |parsed: &Parsed| {
            let text = &parsed.pages[0].text;
            let mut found =
                text.match_indices(word).map(|(at, _)| text.get(..at).unwrap().chars().count());
            let start = found.next().filter(|_| found.next().is_none())? as u32;
            let end = start + word.chars().count() as u32;
            assert_eq!(slice_chars(text, start, end), Some(word));
            let sure = parsed.geometry.confidence(1, start, end);
            Some((*parsed.geometry.boxes(1, start, end).first()?, sure))
        };
        let (Some((own, unasked)), Some((read, sure))) = (place(&own), place(&read)) else {
            continue;
        };
        assert_eq!(unasked, None, "{word} was not recognised");
        assert!(sure.is_some_and(|sure| sure > 0.2), "{word}: {sure:?}");
        let apart = own.iter().zip(read).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 5.0, "{word}: {own:?} and {read:?}");
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
}

#[test]
fn a_scan_is_searchable_and_the_record_names_the_models_that_read_it() {
    let app = TestApp::empty();
    let report = app.ingest(&[fixture("hostile").join("image-only.pdf")], &[]);
    assert_eq!(report.indexed, 1, "{:?}", report.quarantined);
    let pages = app.open().reader.pages(&app.asker("staff"), report.documents[0].id).unwrap();
    assert_eq!(pages.pages[0].origin, TextOrigin::Ocr);
    assert!(pages.pages[0].text.contains("Visiting hours"), "{}", pages.pages[0].text);
    let recorded = record::of_kind(&app.open().log, "document.activated");
    let models = models().ocr.unwrap().models();
    for (role, digest) in models {
        assert_eq!(recorded[0].value["details"]["models"][role], digest.to_string(), "{role}");
    }
}

#[test]
fn without_models_a_scan_waits_for_them_and_says_so() {
    let app = TestApp::empty();
    let blind = || Ok(Models { ocr: None, ..models() });
    app.open().engine_over(blind).unwrap();
    let report = app.ingest(&[fixture("hostile").join("image-only.pdf")], &[]);
    assert_eq!(report.indexed, 0);
    assert_eq!(report.quarantined[0].reason, "needs_ocr");
    assert!(report.quarantined[0].detail.contains("affiant provision"));
}
