//! Whose contents something is.

use std::collections::BTreeSet;

use crate::domain::payload::{PayloadRef, Token, TokenKind};

/// The id of the key of contents that belong to nobody.
pub(super) const SYSTEM: &str = "system";
/// Stands between the ids of keys in a reference.
pub(super) const AND: char = '+';

/// Whose contents something is: documents, matters, patients and persons have a key each. What is
/// sealed for several of them opens only while all their keys live, so that erasing any one of
/// them erases it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyScope(BTreeSet<String>);

impl KeyScope {
    /// The appliance's own contents: never erased.
    pub fn system() -> Self {
        Self(BTreeSet::from([SYSTEM.to_owned()]))
    }

    /// What belongs to one document, matter, patient or person. Policies are the appliance's own.
    pub fn of(kind: TokenKind, token: &Token) -> Self {
        if kind == TokenKind::Policy {
            return Self::system();
        }
        Self(BTreeSet::from([format!("{}-{token}", kind.as_str())]))
    }

    /// What belongs to those that other contents belong to.
    pub fn of_payload(payload: &PayloadRef) -> Self {
        Self(payload.key.split(AND).map(str::to_owned).collect())
    }

    /// What belongs to these and to those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        if self.0.len() > 1 {
            self.0.remove(SYSTEM);
        }
        self
    }

    /// The ids of the keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The ids as they stand in a reference.
    pub(super) fn id(&self) -> String {
        let mut id = String::new();
        for key in self.keys() {
            if !id.is_empty() {
                id.push(AND);
            }
            id.push_str(key);
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_join_in_one_order_and_lose_the_appliance() {
        let [a, b] = [1, 2].map(|n| KeyScope::of(TokenKind::Matter, &Token::from_mac([n; 16])));
        let both = a.clone().and(b.clone());
        assert_eq!(both, b.and(KeyScope::system()).and(a));
        assert_eq!(both.keys().len(), 2);
        assert_eq!(both.id().matches(AND).count(), 1);
        assert_eq!(KeyScope::system().id(), "system");
    }
}
