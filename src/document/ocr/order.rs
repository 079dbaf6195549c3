//! The order in which a page's lines are read: columns, then rows, then from left to right.
//!
//! A recursive X-Y cut (Nagy & Seth 1984) that takes a gutter for one only where there is prose on
//! both sides: cells of a table stay in their rows.

/// A line's extent in the direction of writing and across it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Extent {
    fn middle(&self) -> f64 {
        (self.top + self.bottom) / 2.0
    }

    fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// Columns have at least this many lines on each side …
const COLUMN_LINES_MIN: usize = 4;
/// … which are on average this many times as long as high.
const PROSE: f64 = 7.0;
/// A gutter is at least this many lines' heights wide.
const GUTTER: f64 = 0.6;
/// Cuts within cuts.
const DEPTH_MAX: usize = 12;

/// Rows of lines (as indices) in the order they are read, each from left to right.
pub(super) fn rows(lines: &[Extent]) -> Vec<Vec<usize>> {
    let mut ordered = Vec::new();
    cut((0..lines.len()).collect(), lines, DEPTH_MAX, &mut ordered);
    ordered
}

fn cut(part: Vec<usize>, lines: &[Extent], depth: usize, into: &mut Vec<Vec<usize>>) {
    let of = |at: &usize| lines.get(*at).copied();
    if depth > 0 && part.len() > 2 * COLUMN_LINES_MIN {
        let high = median(part.iter().filter_map(of).map(|line| line.height()));
        let spans = part.iter().filter_map(of).map(|line| (line.left, line.right));
        for at in gaps(spans.collect(), GUTTER * high) {
            let right_of = |i: &usize| of(i).is_some_and(|line| line.left >= at);
            let (right, left): (Vec<_>, Vec<_>) = part.iter().copied().partition(right_of);
            if is_prose(&left, lines) && is_prose(&right, lines) {
                cut(left, lines, depth - 1, into);
                cut(right, lines, depth - 1, into);
                return;
            }
        }
        // A title over the columns hides their gutter: cut at the widest step down.
        let spans = part.iter().filter_map(of).map(|line| (line.top, line.bottom));
        if let Some(at) = gaps(spans.collect(), 0.2 * high).first().copied() {
            let below = |i: &usize| of(i).is_some_and(|line| line.top >= at);
            let (below, above): (Vec<_>, Vec<_>) = part.iter().copied().partition(below);
            if !above.is_empty() && !below.is_empty() {
                cut(above, lines, depth - 1, into);
                cut(below, lines, depth - 1, into);
                return;
            }
        }
    }
    into.extend(by_rows(part, lines));
}

/// Where no span is, widest first: the ends of the gaps.
fn gaps(mut spans: Vec<(f64, f64)>, least: f64) -> Vec<f64> {
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut reach = f64::MAX;
    let mut found: Vec<(f64, f64)> = Vec::new();
    for (from, to) in spans {
        if from - reach > least {
            found.push((from - reach, from));
        }
        reach = if reach == f64::MAX { to } else { reach.max(to) };
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().map(|(_, at)| at).collect()
}

fn is_prose(part: &[usize], lines: &[Extent]) -> bool {
    let of = part.iter().filter_map(|at| lines.get(*at));
    let rows = by_rows(part.to_vec(), lines).len();
    rows >= COLUMN_LINES_MIN
        && median(of.map(|line| (line.right - line.left) / line.height().max(1e-6))) >= PROSE
}

/// Lines whose middles are within each other's heights, from top to bottom.
fn by_rows(mut part: Vec<usize>, lines: &[Extent]) -> Vec<Vec<usize>> {
    let of = |at: usize| lines.get(at).copied();
    let middle = |at: &usize| of(*at).map_or(0.0, |line| line.middle());
    let left = |at: &usize| of(*at).map_or(0.0, |line| line.left);
    part.sort_by(|a, b| middle(a).total_cmp(&middle(b)));
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for at in part {
        let Some(line) = of(at) else { continue };
        let joins = rows.last().is_some_and(|row: &Vec<usize>| {
            row.iter().filter_map(|other| of(*other)).all(|other| {
                let near = (line.middle() - other.middle()).abs()
                    < 0.4 * line.height().min(other.height());
                let apart =
                    line.left.max(other.left) > line.right.min(other.right) - 0.5 * line.height();
                near && apart
            })
        });
        match rows.last_mut() {
            Some(row) if joins => row.push(at),
            _ => rows.push(vec![at]),
        }
    }
    for row in &mut rows {
        row.sort_by(|a, b| left(a).total_cmp(&left(b)));
    }
    rows
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(left: f64, right: f64, top: f64) -> Extent {
        Extent { left, right, top, bottom: top + 10.0 }
    }

    #[test]
    fn columns_are_read_one_after_the_other_below_their_title() {
        let mut lines = vec![line(50.0, 450.0, 0.0)];
        for row in 0..6 {
            let top = 30.0 + 12.0 * f64::from(row);
            lines.push(line(260.0, 500.0, top));
            lines.push(line(0.0, 240.0, top + 1.0));
        }
        let order: Vec<usize> = rows(&lines).into_iter().flatten().collect();
        assert_eq!(order, [0, 2, 4, 6, 8, 10, 12, 1, 3, 5, 7, 9, 11]);
    }

    #[test]
    fn cells_of_a_table_stay_in_their_rows() {
        let rows_of = |row: u32| {
            let top = 12.0 * f64::from(row);
            [line(200.0, 240.0, top + 1.0), line(0.0, 150.0, top)]
        };
        let lines: Vec<Extent> = (0..6).flat_map(rows_of).collect();
        let found = rows(&lines);
        assert_eq!(found, (0..6).map(|row| vec![2 * row + 1, 2 * row]).collect::<Vec<_>>());
    }
}
