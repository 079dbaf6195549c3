//! Where a strip of one line is inked.

/// A column or row with less than this share of its darkest counts as blank.
const BLANK: f32 = 0.03;

/// The ink of a strip: dark on light, whichever way it was.
pub(super) struct Ink {
    /// Inked pixels of each column, within the line's own rows.
    columns: Vec<f32>,
    /// The first and one past the last of the line's own rows.
    rows: (usize, usize),
    /// Where most letters end below.
    baseline: usize,
}

impl Ink {
    pub(super) fn of(strip: &[u8], width: usize) -> Self {
        let height = strip.len() / width.max(1);
        let threshold = threshold(strip);
        let dark = strip.iter().filter(|byte| **byte <= threshold).count();
        let inverse = dark * 2 > strip.len();
        let inked = |byte: &u8| f32::from(u8::from((*byte <= threshold) != inverse));
        let profile: Vec<f32> =
            strip.chunks_exact(width.max(1)).map(|row| row.iter().map(inked).sum()).collect();
        let rows = own_rows(&profile);
        let mut columns = vec![0.0; width];
        let own = strip.chunks_exact(width.max(1)).skip(rows.0).take(rows.1 - rows.0);
        for row in own {
            for (sum, byte) in columns.iter_mut().zip(row) {
                *sum += inked(byte);
            }
        }
        let at = |row: usize| profile.get(row).copied().unwrap_or_default();
        let drop = |row: &usize| at(row.saturating_sub(1)) - at(row + 1);
        let lower = (rows.0 + rows.1) / 2..rows.1.max(1);
        let baseline = lower.max_by(|a, b| drop(a).total_cmp(&drop(b)));
        Self { columns, rows, baseline: baseline.unwrap_or(height.saturating_sub(1)) + 1 }
    }

    /// The row below most letters, from the top of the strip.
    pub(super) fn baseline(&self) -> f64 {
        self.baseline as f64
    }

    /// How far the highest letter reaches above the baseline.
    pub(super) fn rise(&self) -> f64 {
        self.baseline.saturating_sub(self.rows.0).max(1) as f64
    }

    /// The widest run of blank columns between two places; where there is none, the place with the
    /// least ink, as an empty run.
    pub(super) fn gap(&self, from: f64, to: f64) -> (f64, f64) {
        let (from, to) = (from.max(0.0) as usize, (to.max(0.0) as usize).min(self.columns.len()));
        let part = self.columns.get(from..to).unwrap_or_default();
        let blank = self.blank();
        let (mut best, mut open) = ((0, 0), None);
        for (at, ink) in part.iter().chain([&f32::MAX]).enumerate() {
            match open {
                None if *ink <= blank => open = Some(at),
                Some(start) if *ink > blank => {
                    if at - start > best.1 - best.0 {
                        best = (start, at);
                    }
                    open = None;
                }
                _ => {}
            }
        }
        if best.1 == 0 {
            let middle = part.len() / 2;
            let least = part.iter().enumerate().min_by(|(a, one), (b, other)| {
                one.total_cmp(other).then(a.abs_diff(middle).cmp(&b.abs_diff(middle)))
            });
            let at = least.map_or(0, |(at, _)| at);
            best = (at, at);
        }
        ((from + best.0) as f64, (from + best.1) as f64)
    }

    /// The edges of the ink.
    pub(super) fn edges(&self) -> (f64, f64) {
        let blank = self.blank();
        let first = self.columns.iter().position(|ink| *ink > blank).unwrap_or_default();
        let last = self.columns.iter().rposition(|ink| *ink > blank);
        (first as f64, last.map_or(self.columns.len(), |last| last + 1) as f64)
    }

    fn blank(&self) -> f32 {
        BLANK * (self.rows.1 - self.rows.0) as f32
    }
}

/// The grey that parts ink from paper best (Otsu 1979).
fn threshold(strip: &[u8]) -> u8 {
    let mut counts = [0_u32; 256];
    for byte in strip {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total: f64 = strip.len() as f64;
    let sum: f64 =
        counts.iter().zip(0_u8..=u8::MAX).map(|(n, grey)| f64::from(*n) * f64::from(grey)).sum();
    let (mut below, mut below_sum) = (0.0, 0.0);
    let mut best = (0.0, 127);
    for (count, grey) in counts.iter().zip(0_u8..=u8::MAX) {
        below += f64::from(*count);
        below_sum += f64::from(*count) * f64::from(grey);
        let above = total - below;
        if below == 0.0 || above <= 0.0 {
            continue;
        }
        let apart = below_sum / below - (sum - below_sum) / above;
        let parted = below * above * apart * apart;
        if parted > best.0 {
            best = (parted, grey);
        }
    }
    best.1
}

/// The rows of the line itself: from the most inked row out to the first blank ones.
fn own_rows(profile: &[f32]) -> (usize, usize) {
    let most = profile.iter().copied().fold(0.0, f32::max);
    let middle = profile.len() / 4..(profile.len() * 3).div_ceil(4);
    let heavy = profile.iter().enumerate().skip(middle.start).take(middle.len());
    let Some((from, _)) = heavy.max_by(|a, b| a.1.total_cmp(b.1)) else { return (0, 0) };
    let blank = |row: usize| profile.get(row).is_none_or(|ink| *ink <= BLANK * most);
    let top = (0..from).rev().find(|row| blank(*row)).map_or(0, |row| row + 1);
    let bottom = (from..profile.len()).find(|row| blank(*row)).unwrap_or(profile.len());
    (top, bottom.max(from + 1).min(profile.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A strip of 20 rows: bars at these columns from row 5 to row 14, on paper.
    fn strip(bars: &[(usize, usize)], paper: u8, ink: u8) -> Vec<u8> {
        let inked = |x: usize, y: usize| {
            (5..14).contains(&y) && bars.iter().any(|(from, to)| (*from..*to).contains(&x))
        };
        let pixels = (0..20).flat_map(|y| (0..60).map(move |x| (x, y)));
        pixels.map(|(x, y)| if inked(x, y) { ink } else { paper }).collect()
    }

    #[test]
    fn gaps_and_edges_are_found_on_either_polarity() {
        for (paper, grey) in [(250, 20), (30, 240)] {
            let ink = Ink::of(&strip(&[(4, 10), (13, 20), (30, 40)], paper, grey), 60);
            assert_eq!(ink.gap(7.0, 16.0), (10.0, 13.0), "{paper}");
            assert_eq!(ink.gap(16.0, 35.0), (20.0, 30.0), "{paper}");
            assert_eq!(ink.edges(), (4.0, 40.0), "{paper}");
            assert_eq!((ink.baseline(), ink.rise()), (14.0, 9.0), "{paper}");
        }
    }

    #[test]
    fn letters_that_touch_are_parted_where_they_are_thinnest() {
        let mut touching = strip(&[(10, 20), (21, 30)], 255, 0);
        touching[7 * 60 + 20] = 0;
        let ink = Ink::of(&touching, 60);
        assert_eq!(ink.gap(15.0, 25.0), (20.0, 20.0));
    }
}
