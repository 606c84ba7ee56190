//! What each role may do, and what a key may: the one table of it. Pages and the API both ask here.

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{KeyScope, Role};

words! {
    /// Something that not everybody may do.
    Right {
        /// The overview, live calls, the call log, calls and their recordings.
        SeeCalls = "see_calls",
        /// The call log as a file, everything of it at once.
        Export = "export",
        /// Numbers, pools, sites, webhooks and the like, as they stand.
        SeeSetup = "see_setup",
        /// Who belongs to the account, and as what.
        SeePeople = "see_people",
        /// Who changed what.
        SeeAudit = "see_audit",
        /// Answer the operators while numbers are withheld.
        Appeal = "appeal",
        /// Say what calls were worth.
        Assess = "assess",
        /// Put the caller of a call under way through to somebody else.
        PutThrough = "put_through",
        /// Change anything but people.
        Change = "change",
        /// Invite people, change their roles, disable them.
        ManagePeople = "manage_people",
    }
}

impl Right {
    /// What it opens, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::SeeCalls => "See the overview, live calls, calls and recordings",
            Self::Export => "Download the call log",
            Self::SeeSetup => "See numbers, pools, sites, webhooks and API keys",
            Self::SeePeople => "See who belongs to the account",
            Self::SeeAudit => "See who changed what",
            Self::Appeal => "Answer the operators while numbers of a site are withheld",
            Self::Assess => "Say what a call was worth: lead, value, tags, note",
            Self::PutThrough => "Put the caller of a call through to somebody else",
            Self::Change => {
                "Change sites, webhooks, API keys and the rest of the setup; erase callers"
            }
            Self::ManagePeople => "Invite people, change roles, disable users",
        }
    }
}

impl Right {
    /// Whether it lets somebody change anything.
    pub const fn changes(self) -> bool {
        matches!(
            self,
            Self::Appeal | Self::Assess | Self::PutThrough | Self::Change | Self::ManagePeople
        )
    }

    /// Whether nobody of a frozen account has it: whatever changes something but an answer.
    pub const fn is_frozen(self) -> bool {
        self.changes() && !matches!(self, Self::Appeal)
    }
}

impl Role {
    /// Whether the role has a right.
    pub const fn may(self, right: Right) -> bool {
        match right {
            Right::SeeCalls | Right::Assess => true,
            Right::Export | Right::SeeSetup | Right::SeePeople | Right::SeeAudit => {
                !matches!(self, Self::Agent)
            }
            Right::Appeal | Right::PutThrough | Right::Change | Right::ManagePeople => {
                matches!(self, Self::Owner | Self::Admin)
            }
        }
    }

    /// Whether somebody of this role may manage those of another: give it, take it, disable who has it. Admins do
    /// everything but owners.
    pub const fn may_manage(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => !matches!(other, Self::Owner),
            Self::Analyst | Self::Agent => false,
        }
    }

    /// What the role is for, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Owner => "Everything, and who else may",
            Self::Admin => "Everything but owners",
            Self::Analyst => "Reads all, says what calls were worth",
            Self::Agent => "Takes calls, sees them, says what they were worth",
        }
    }
}

impl KeyScope {
    /// Whether a key of the scope has a right. People are managed by people alone: a key that leaks makes no users. And
    /// operators are answered by people.
    pub const fn may(self, right: Right) -> bool {
        match self {
            Self::Read => Role::Analyst.may(right) && !right.changes(),
            Self::Change => {
                Role::Admin.may(right) && !matches!(right, Right::ManagePeople | Right::Appeal)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_what_the_next_one_may() {
        for right in Right::ALL {
            let who: Vec<bool> = Role::ALL.iter().map(|role| role.may(*right)).collect();
            assert!(
                who.is_sorted_by(|more, less| more >= less),
                "{right:?}: {who:?}"
            );
            assert!(Role::Owner.may(*right), "an owner may do everything");
        }
    }

    #[test]
    fn nobody_manages_who_may_do_more() {
        for one in Role::ALL {
            for other in Role::ALL {
                if one.may_manage(*other) {
                    assert!(one.may(Right::ManagePeople), "{one:?}");
                    for right in Right::ALL {
                        assert!(one.may(*right) || !other.may(*right), "{one:?} {other:?}");
                    }
                }
            }
        }
        assert!(!Role::Admin.may_manage(Role::Owner));
        assert!(Role::Owner.may_manage(Role::Owner));
    }

    #[test]
    fn the_table_in_the_documents_is_this_one() {
        let document = include_str!("../../../docs/roles.md");
        for right in Right::ALL {
            let roles = Role::ALL.iter().map(|role| role.may(*right));
            let keys = KeyScope::ALL.iter().map(|scope| scope.may(*right));
            let row: String = roles
                .chain(keys)
                .map(|may| if may { " yes |" } else { " |" })
                .collect();
            let row = format!("| {} |{row}\n", right.meaning());
            assert!(
                document.contains(&row),
                "expected this row in docs/roles.md: {row}"
            );
        }
    }

    #[test]
    fn no_key_manages_people_and_one_that_reads_changes_nothing() {
        for scope in KeyScope::ALL {
            assert!(!scope.may(Right::ManagePeople));
        }
        let changing = Right::ALL.iter().filter(|right| right.changes());
        for right in changing {
            assert!(!KeyScope::Read.may(*right), "{right:?}");
        }
        assert!(KeyScope::Change.may(Right::Change));
    }
}
