//! What people are to be told of emergencies.

use super::super::{GovernError, Governor};
use crate::domain::clock::Timestamp;
use crate::domain::emergency::ReviewOutcome;
use crate::domain::payload::Token;
use crate::domain::principal::UserName;
use crate::store::EmergencyRow;

/// What people are to be told of emergencies.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EmergencyAlerts {
    /// Open ones.
    pub open: u64,
    /// Ended ones that wait for a review.
    pub unreviewed: u64,
    /// Those among them that have waited too long.
    pub overdue: u64,
    /// Those, open or waiting, that were opened before an earlier one about the same was found
    /// justified.
    pub repeated: u64,
}

impl EmergencyAlerts {
    /// The same for people; nothing where there is nothing to tell.
    pub fn sentence(&self) -> Option<String> {
        let part = |count: u64, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let parts = [
            part(self.open, "emergency is open", "emergencies are open"),
            part(self.unreviewed, "waits for its review", "wait for their review"),
            part(self.overdue, "review is overdue", "reviews are overdue"),
            part(self.repeated, "was opened again unjudged", "were opened again unjudged"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("{}.", parts.join(", ")))
    }
}

/// How many of these, of one person and about one matter or patient, nobody had found justified by
/// then.
pub(super) fn repeats<'a>(
    earlier: impl IntoIterator<Item = &'a EmergencyRow>,
    (person, about): (&UserName, &Token),
    at: Timestamp,
) -> u32 {
    let was_justified = |row: &EmergencyRow| {
        let review = row.review.as_ref();
        review.is_some_and(|review| review.outcome == ReviewOutcome::Justified && review.at <= at)
    };
    let same = |row: &&EmergencyRow| row.person == *person && row.token == *about;
    let repeats = earlier.into_iter().filter(same).filter(|row| !was_justified(row));
    u32::try_from(repeats.count()).unwrap_or(u32::MAX)
}

/// The same for one of these that was opened.
pub(super) fn repeats_of(row: &EmergencyRow, rows: &[EmergencyRow]) -> u32 {
    let earlier = rows.iter().filter(|one| one.entry < row.entry);
    repeats(earlier, (&row.person, &row.token), row.opened)
}

impl Governor {
    /// What people are to be told.
    ///
    /// # Errors
    /// [`GovernError::State`].
    pub fn emergency_alerts(&self) -> Result<EmergencyAlerts, GovernError> {
        let now = self.clock.now();
        let mut alerts = EmergencyAlerts::default();
        let rows = self.state.emergencies().list()?;
        for row in &rows {
            if !row.is_settled() && repeats_of(row, &rows) > 0 {
                alerts.repeated = alerts.repeated.saturating_add(1);
            }
            if row.ended.is_none() && now < row.expires {
                alerts.open = alerts.open.saturating_add(1);
            } else if !row.is_settled() {
                alerts.unreviewed = alerts.unreviewed.saturating_add(1);
                if self.review_due(row) <= now {
                    alerts.overdue = alerts.overdue.saturating_add(1);
                }
            }
        }
        Ok(alerts)
    }
}
