//! What a page's own tag counted, and what follows: nothing, a look of ours, or that this visit does without its number.
//!
//! A browser says what it likes, and so does who only pretends to be one. So what is counted here is no proof against a
//! site: it takes the number from the visit that told of it, and asks for a look, whose result decides about everybody
//! else ([decision 33](../../../docs/decisions/0033-what-the-page-itself-does.md)).

use std::fmt::Write as _;

/// Dialogs of one page that are more than forms need.
const SOME_DIALOGS: u32 = 3;
/// Dialogs of one page that nobody can get away from.
const MANY_DIALOGS: u32 = 10;
/// Changes of the page's address from which on Back does not leave it.
const MANY_ENTRIES: u32 = 50;
/// Points from which on the page is looked at.
pub const LOOK_AT: u32 = 2;
/// Points from which on the visit does without its number…
pub const WITHDRAW_AT: u32 = 4;
/// …when they come from at least so many kinds of locks.
pub const KINDS_AT: usize = 3;

/// How often a page did what locks its visitors in, since it was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageCalls {
    /// Asked for full screen.
    pub full_screen: u32,
    /// Locked the keyboard.
    pub keyboard_lock: u32,
    /// Captured the mouse pointer.
    pub pointer_lock: u32,
    /// Showed a dialog.
    pub dialogs: u32,
    /// Had leaving it answered with a question.
    pub leave_questions: u32,
    /// Changed its address without a load.
    pub history: u32,
}

/// What follows of what a page did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensed {
    /// Nothing: honest pages do this.
    Nothing,
    /// The page is looked at.
    Look,
    /// The visit does without its number, and the page is looked at.
    Withdraw,
}

impl Sensed {
    /// The stable word, for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Look => "look",
            Self::Withdraw => "withdraw",
        }
    }
}

impl PageCalls {
    /// Counts by the names of what was called, as the tag sends them; prefixed names count with their kind, and unknown ones
    /// do not.
    pub fn named<'n>(counts: impl IntoIterator<Item = (&'n str, u32)>) -> Self {
        let mut calls = Self::default();
        for (name, count) in counts {
            let lower = name.to_ascii_lowercase();
            let kind = match name {
                "lock" => &mut calls.keyboard_lock,
                "alert" | "confirm" | "prompt" => &mut calls.dialogs,
                "addEventListener" => &mut calls.leave_questions,
                "history" => &mut calls.history,
                _ if lower.ends_with("requestfullscreen") => &mut calls.full_screen,
                _ if lower.ends_with("requestpointerlock") => &mut calls.pointer_lock,
                _ => continue,
            };
            *kind = kind.saturating_add(count);
        }
        calls
    }

    /// Nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The higher count of each kind.
    #[must_use]
    pub fn max(&self, other: &Self) -> Self {
        Self {
            full_screen: self.full_screen.max(other.full_screen),
            keyboard_lock: self.keyboard_lock.max(other.keyboard_lock),
            pointer_lock: self.pointer_lock.max(other.pointer_lock),
            dialogs: self.dialogs.max(other.dialogs),
            leave_questions: self.leave_questions.max(other.leave_questions),
            history: self.history.max(other.history),
        }
    }

    /// What follows. A page that does more of anything never fares better for it.
    pub fn sensed(&self) -> Sensed {
        let locks = self.locks();
        let points: u32 = locks.iter().sum();
        let kinds = locks.iter().filter(|points| **points > 0).count();
        if points >= WITHDRAW_AT && kinds >= KINDS_AT {
            Sensed::Withdraw
        } else if points + u32::from(self.pointer_lock > 0) >= LOOK_AT {
            Sensed::Look
        } else {
            Sensed::Nothing
        }
    }

    /// The points of each kind of lock. Games capture the pointer and lock pages hardly ever do, so that counts for a look only.
    fn locks(&self) -> [u32; 5] {
        [
            u32::from(self.full_screen > 0),
            // What hardly any page does but games, remote desktops and locks: Escape no longer leaves full screen.
            2 * u32::from(self.keyboard_lock > 0),
            u32::from(self.dialogs >= SOME_DIALOGS) + u32::from(self.dialogs >= MANY_DIALOGS),
            u32::from(self.leave_questions > 0),
            u32::from(self.history >= MANY_ENTRIES),
        ]
    }

    /// What was counted, in words for operators: `asked for full screen 3 times, locked the keyboard once`.
    pub fn in_words(&self) -> String {
        let counted = [
            ("asked for full screen", self.full_screen),
            ("locked the keyboard", self.keyboard_lock),
            ("captured the mouse pointer", self.pointer_lock),
            ("showed a dialog", self.dialogs),
            ("set a question before leaving", self.leave_questions),
            ("changed its address without a load", self.history),
        ];
        let mut words = String::new();
        for (what, count) in counted.into_iter().filter(|(_, count)| *count > 0) {
            if !words.is_empty() {
                words.push_str(", ");
            }
            // A text takes whatever is written to it.
            let _ = match count {
                1 => write!(words, "{what} once"),
                2 => write!(words, "{what} twice"),
                more => write!(words, "{what} {more} times"),
            };
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: usize = 6;

    /// In the order of the fields.
    fn calls(counts: [u32; KINDS]) -> PageCalls {
        let [
            full_screen,
            keyboard_lock,
            pointer_lock,
            dialogs,
            leave_questions,
            history,
        ] = counts;
        PageCalls {
            full_screen,
            keyboard_lock,
            pointer_lock,
            dialogs,
            leave_questions,
            history,
        }
    }

    fn sensed(counts: [u32; KINDS]) -> Sensed {
        calls(counts).sensed()
    }

    #[test]
    fn calls_are_told_apart_by_name_whatever_their_prefix() {
        let counted = PageCalls::named([
            ("requestFullscreen", 1),
            ("webkitRequestFullScreen", 2),
            ("lock", 3),
            ("mozRequestPointerLock", 4),
            ("alert", 5),
            ("confirm", u32::MAX),
            ("addEventListener", 6),
            ("history", 7),
            ("constructor", 8),
            ("", 9),
        ]);
        assert_eq!(counted, calls([3, 3, 4, u32::MAX, 6, 7]));
        assert!(PageCalls::named([("unlock", 1)]).is_empty());
    }

    #[test]
    fn honest_pages_keep_their_number() {
        for (what, counts) in [
            (
                "a video in full screen, again and again",
                [9, 0, 0, 0, 0, 0],
            ),
            ("a form that asks before it is left", [0, 0, 0, 0, 3, 0]),
            (
                "a page that asks twice whether one is sure",
                [0, 0, 0, 2, 0, 0],
            ),
            (
                "an application that was used for hours",
                [0, 0, 0, 0, 0, 900],
            ),
        ] {
            assert_eq!(sensed(counts), Sensed::Nothing, "{what}");
        }
        for (what, counts) in [
            ("a game", [2, 0, 5, 0, 1, 0]),
            ("a game that locks the keyboard", [2, 2, 5, 0, 0, 0]),
            ("a remote desktop in the browser", [1, 1, 0, 0, 0, 0]),
            ("a video on an application with a form", [1, 0, 0, 1, 1, 80]),
            ("an examination that keeps its window", [4, 0, 0, 0, 2, 0]),
        ] {
            assert_eq!(sensed(counts), Sensed::Look, "{what}");
        }
    }

    #[test]
    fn locks_together_take_the_number() {
        for (what, counts) in [
            ("screen, keyboard, leaving", [1, 1, 0, 0, 1, 0]),
            ("the same with dialogs and history", [7, 3, 0, 20, 2, 100]),
            ("screen, leaving and endless dialogs", [1, 0, 0, 10, 1, 0]),
            ("endless dialogs without full screen", [0, 0, 0, 10, 1, 50]),
        ] {
            assert_eq!(sensed(counts), Sensed::Withdraw, "{what}");
        }
    }

    #[test]
    fn what_was_counted_is_told_in_words() {
        assert_eq!(
            calls([3, 1, 0, 0, 2, 0]).in_words(),
            "asked for full screen 3 times, locked the keyboard once, set a question before leaving twice"
        );
        assert_eq!(calls([0; KINDS]).in_words(), "");
    }

    fn counts() -> impl Strategy<Value = [u32; KINDS]> {
        prop::array::uniform6(prop_oneof![0_u32..4, 0_u32..200, Just(u32::MAX)])
    }

    proptest! {
        #[test]
        fn more_of_anything_is_never_better_for_the_page(
            counts in counts(),
            kind in 0..KINDS,
            more in 1_u32..1000,
        ) {
            let mut raised = counts;
            raised[kind] = raised[kind].saturating_add(more);
            prop_assert!(sensed(raised) >= sensed(counts), "{:?} {:?}", counts, raised);
            prop_assert_eq!(calls(raised).max(&calls(counts)), calls(raised));
        }

        #[test]
        fn no_two_kinds_take_a_number_however_often(counts in counts(), kept in [0..KINDS, 0..KINDS]) {
            let mut two = [0; KINDS];
            for kind in kept {
                two[kind] = counts[kind];
            }
            prop_assert!(sensed(two) < Sensed::Withdraw, "{:?}", two);
        }
    }
}
