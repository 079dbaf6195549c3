//! One page of one document, with the cited span marked.

use askama::Template;

use super::super::address;
use super::frame::Frame;
use crate::domain::document::{Rect, slice_chars};

/// `GET /documents/{id}?page=N&span=A-B&query=ID&purpose=…`. Shown only after `document.viewed` is recorded.
#[derive(Template)]
#[template(path = "viewer.html")]
pub struct ViewerPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The document's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// The page shown, from 1.
    pub page: u32,
    /// How many pages the document has.
    pub pages: u32,
    /// How somebody came here, which other pages are opened with too: the question whose answer
    /// led here, or what was declared.
    pub carried: Vec<(&'static str, String)>,
    /// The page itself.
    pub body: PageBody,
    /// The page's text in pieces, the cited span marked: see [`runs`].
    pub text: Vec<Run>,
    /// Whether the text was recognised from a picture.
    pub is_recognised: bool,
    /// How sure recognition is of the marked words, in percent.
    pub sure: Option<u32>,
    /// Why the span asked for is not marked.
    pub problem: Option<String>,
    /// The entry that recorded this view.
    pub entry: Option<u64>,
    /// Whether this person may open entries of the record.
    pub opens_entries: bool,
}

/// What the page looks like.
#[derive(Clone, Debug)]
pub enum PageBody {
    /// A picture with boxes over the cited span.
    Picture {
        /// Address of the picture.
        picture: String,
        /// Width of the page in points.
        width: f32,
        /// Height of the page in points.
        height: f32,
        /// The boxes.
        highlights: Vec<Highlight>,
    },
    /// Text only: text files, Markdown and HTML.
    Text,
}

/// One box over the page picture, in points from the page's top left.
#[derive(Clone, Debug, PartialEq)]
pub struct Highlight {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Highlight {
    /// Boxes from stored geometry. What is not a box (not finite, inside out) is left out.
    pub fn from_boxes(boxes: &[Rect]) -> Vec<Self> {
        let highlight =
            |[x0, y0, x1, y1]: &Rect| Self { x: *x0, y: *y0, width: x1 - x0, height: y1 - y0 };
        let is_box = |h: &Self| {
            [h.x, h.y].iter().all(|edge| edge.is_finite())
                && [h.width, h.height].iter().all(|side| side.is_finite() && *side > 0.0)
        };
        boxes.iter().map(highlight).filter(is_box).collect()
    }
}

/// A piece of the page's text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    /// The text.
    pub text: String,
    /// Whether it is the cited span.
    pub is_marked: bool,
}

/// Cuts a page's text at the cited span; `None` where the span is not on the page.
pub fn runs(text: &str, span: Option<(u32, u32)>) -> Option<Vec<Run>> {
    let run = |text: &str, is_marked| Run { text: text.to_owned(), is_marked };
    let Some((start, end)) = span else { return Some(vec![run(text, false)]) };
    if start >= end {
        return None;
    }
    let before = slice_chars(text, 0, start)?;
    let marked = slice_chars(text, start, end)?;
    let after = text.get(before.len().checked_add(marked.len())?..)?;
    let pieces = [run(before, false), run(marked, true), run(after, false)];
    Some(pieces.into_iter().filter(|piece| !piece.text.is_empty()).collect())
}

impl ViewerPage {
    /// The address of another page of this document.
    pub fn address(&self, page: &u32) -> String {
        let path = format!("/documents/{}", self.id);
        let page = page.to_string();
        let carried = self.carried.iter().map(|(name, value)| (*name, value.as_str()));
        let pairs: Vec<_> = [("page", page.as_str())].into_iter().chain(carried).collect();
        address::with_query(&path, &pairs)
    }

    /// The page before.
    pub fn previous(&self) -> Option<u32> {
        (self.page > 1).then(|| self.page.saturating_sub(1))
    }

    /// The page after.
    pub fn next(&self) -> Option<u32> {
        (self.page < self.pages).then(|| self.page.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_code_points_and_never_lost() {
        let run = |text: &str, is_marked| Run { text: text.to_owned(), is_marked };
        let table = [
            ("aé🙂b", None, Some(vec![run("aé🙂b", false)])),
            ("aé🙂b", Some((1, 3)), Some(vec![run("a", false), run("é🙂", true), run("b", false)])),
            ("ab", Some((0, 2)), Some(vec![run("ab", true)])),
            ("ab", Some((1, 1)), None),
            ("ab", Some((1, 3)), None),
            ("ab", Some((2, 1)), None),
        ];
        for (text, span, expected) in table {
            let cut = runs(text, span);
            if let Some(cut) = &cut {
                assert_eq!(cut.iter().map(|run| run.text.as_str()).collect::<String>(), text);
            }
            assert_eq!(cut, expected, "{text} {span:?}");
        }
    }

    #[test]
    fn boxes_without_an_area_are_left_out() {
        let boxes = [
            [10.0, 20.0, 110.0, 32.5],
            [10.0, 20.0, 10.0, 32.5],
            [10.0, 20.0, 5.0, 32.5],
            [f32::NAN, 0.0, 1.0, 1.0],
            [0.0, 0.0, f32::INFINITY, 1.0],
        ];
        let kept = Highlight { x: 10.0, y: 20.0, width: 100.0, height: 12.5 };
        assert_eq!(Highlight::from_boxes(&boxes), [kept]);
    }
}
