//! Parameters with which networks mark the links to a page, and what each of them tells.

use ringfence_model::SourceKind;

/// A network's parameter. Some networks mark every link on their pages and not only paid ones: there, UTM parameters
/// that name an unpaid medium are believed instead; and a mark of unpaid links gives way to every UTM parameter.
pub(crate) struct ClickIdParameter {
    pub parameter: &'static str,
    pub network: &'static str,
    pub kind: SourceKind,
    on_unpaid_links_too: bool,
}

impl ClickIdParameter {
    /// UTM parameters of this kind are believed instead.
    pub(crate) fn gives_way_to(&self, utm: SourceKind) -> bool {
        self.kind != SourceKind::Paid || self.on_unpaid_links_too && utm != SourceKind::Paid
    }
}

const fn paid(parameter: &'static str, network: &'static str) -> ClickIdParameter {
    ClickIdParameter {
        parameter,
        network,
        kind: SourceKind::Paid,
        on_unpaid_links_too: false,
    }
}

const fn marked(parameter: &'static str, network: &'static str) -> ClickIdParameter {
    ClickIdParameter {
        on_unpaid_links_too: true,
        ..paid(parameter, network)
    }
}

const fn unpaid(
    parameter: &'static str,
    network: &'static str,
    kind: SourceKind,
) -> ClickIdParameter {
    ClickIdParameter {
        kind,
        ..marked(parameter, network)
    }
}

/// The surest first, in lower case.
pub(crate) const CLICK_IDS: &[ClickIdParameter] = &[
    paid("gclid", "Google Ads"),
    paid("gbraid", "Google Ads"),
    paid("wbraid", "Google Ads"),
    paid("dclid", "Google Display"),
    paid("msclkid", "Microsoft Ads"),
    paid("yclid", "Yandex Direct"),
    paid("li_fat_id", "LinkedIn Ads"),
    paid("rdt_cid", "Reddit Ads"),
    paid("sccid", "Snapchat Ads"),
    paid("tblci", "Taboola"),
    paid("obclid", "Outbrain"),
    paid("qclid", "Quora Ads"),
    paid("dicbo", "Outbrain"),
    paid("ndclid", "Nextdoor Ads"),
    marked("ttclid", "TikTok Ads"),
    marked("twclid", "X Ads"),
    marked("epik", "Pinterest Ads"),
    marked("fbclid", "Meta Ads"),
    // Free product listings, organic results and shared posts.
    unpaid("srsltid", "Google", SourceKind::Search),
    unpaid("ysclid", "Yandex", SourceKind::Search),
    unpaid("igshid", "Instagram", SourceKind::Social),
    unpaid("igsh", "Instagram", SourceKind::Social),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_parameter_stands_once_and_in_lower_case() {
        let mut seen = HashSet::new();
        for id in CLICK_IDS {
            assert_eq!(id.parameter, id.parameter.to_ascii_lowercase());
            assert!(seen.insert(id.parameter), "{} stands twice", id.parameter);
        }
    }
}
