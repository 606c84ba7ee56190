//! By what a report splits calls.

use serde::{Deserialize, Serialize};

use crate::records::words;

words! {
    /// A property of calls that a report can split them by.
    Split {
        /// The name of the source.
        Source = "source",
        /// The campaign of the visit.
        Campaign = "campaign",
        /// The keyword of the visit.
        Keyword = "keyword",
        /// The page on which the visit began, without its query.
        LandingPage = "landing_page",
        /// The visitor's language.
        Language = "language",
        /// The visitor's device.
        Device = "device",
        /// The tracking number that was dialled.
        Number = "number",
        /// The target that answered.
        Target = "target",
        /// How it ended.
        Disposition = "disposition",
        /// What came of it.
        Lead = "lead",
        /// The day in the account's zone.
        Day = "day",
        /// The day of the week there.
        Weekday = "weekday",
        /// The hour of the day there.
        Hour = "hour",
    }
}
