//! Source rules: ordered, the first that matches names the visit's source.

use ringfence_model::Source;

use crate::Landing;

/// What the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct VisitFacts<'a> {
    /// The first page's URL.
    pub landing: &'a Landing,
    /// The first page's referrer, as the browser gave it.
    pub referrer: Option<&'a str>,
    /// Hosts of the same site: a referrer there says nothing.
    pub own_hosts: &'a [String],
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceRule {
    /// An advertising network's click id.
    ClickId,
    /// UTM parameters.
    Utm,
    /// The referrer's host.
    Referrer,
}

/// Rules in the order in which they are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRules(pub Vec<SourceRule>);

impl Default for SourceRules {
    fn default() -> Self {
        Self(vec![
            SourceRule::ClickId,
            SourceRule::Utm,
            SourceRule::Referrer,
        ])
    }
}

/// The source of a visit: the first rule that matches, else direct.
pub fn classify(facts: &VisitFacts<'_>, rules: &SourceRules) -> Source {
    let _ = (facts, rules);
    todo!()
}
