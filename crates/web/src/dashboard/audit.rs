//! The audit log: who changed what, with what was there before and after.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use ringfence_model::{ActorKind, AuditEntry, AuditFilter, AuditId};
use serde::Deserialize;
use uuid::Uuid;

use super::App;
use super::page::{Problem, Shell, encoded, render, zone};
use super::session::Reader;
use super::words::{Moment, Show};

/// Entries on a page.
const PAGE: u32 = 50;

struct Row {
    id: String,
    when: Moment,
    who: String,
    kind: &'static str,
    who_href: String,
    action: String,
    what: String,
    what_kind: String,
    what_href: String,
    before: String,
    after: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    rows: Vec<Row>,
    filtered: bool,
    actions: Vec<(&'static str, bool)>,
    actor: String,
    object: String,
    older: Option<String>,
}

/// Actions that the filter offers: those that this version writes down.
const ACTIONS: &[&str] = &[
    "account.change",
    "account.dialling_limit",
    "account.hold_dialling",
    "account.release_dialling",
    "account.second_factor",
    "agent.change",
    "api_key.add",
    "api_key.revoke",
    "call.transfer",
    "campaign_key.add",
    "campaign_key.remove",
    "carrier.add",
    "carrier.remove",
    "conversion.add",
    "conversion.change",
    "conversion.remove",
    "conversion.replay",
    "group.add",
    "group.change",
    "group.remove",
    "host.add",
    "host.prove",
    "invitation.add",
    "invitation.withdraw",
    "number.add",
    "number.change",
    "number.give_back",
    "number.order",
    "number.remove",
    "person.erase",
    "plan.add",
    "plan.bring_back",
    "plan.change",
    "pool.add",
    "pool.change",
    "pool.remove",
    "report.mail",
    "report.remove",
    "report.rename",
    "report.save",
    "report.send",
    "session.end",
    "session.end_others",
    "site.add",
    "site.change",
    "target.add",
    "target.change",
    "target.pause",
    "target.remove",
    "target.resume",
    "trunk.add",
    "trunk.change",
    "trunk.remove",
    "user.add",
    "user.code_refused",
    "user.disable",
    "user.enable",
    "user.factor_codes",
    "user.factor_off",
    "user.factor_on",
    "user.factor_reset",
    "user.join",
    "user.password",
    "user.recovery_code",
    "user.role",
    "webhook.add",
    "webhook.change",
    "webhook.remove",
    "webhook.replay",
    "worth.change",
];

/// What the URL says; what cannot be read there is left out.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    actor: String,
    #[serde(default)]
    object: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    after: String,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let action = ACTIONS.iter().find(|known| **known == asked.action);
    let filter = AuditFilter {
        actor: asked.actor.parse::<Uuid>().ok(),
        object: asked.object.parse::<Uuid>().ok(),
        action: action.map(|action| (*action).to_owned()),
        before: asked.after.parse::<AuditId>().ok(),
    };
    let account = reader.viewer.account.id;
    let (entries, more) = app.platform.audit_log(account, &filter, PAGE).await?;
    let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let (actor, object) = (text(filter.actor), text(filter.object));
    let older = entries.last().filter(|_| more).map(|last| {
        let action = action.map_or("", |action| action);
        let action = encoded(action);
        format!(
            "/audit?actor={actor}&object={object}&action={action}&after={}",
            last.id
        )
    });
    render(&AuditPage {
        shell: Shell::new(&app, &reader, "audit"),
        rows: entries
            .into_iter()
            .map(|entry| row(entry, &reader))
            .collect(),
        filtered: filter != AuditFilter::default(),
        actions: ACTIONS
            .iter()
            .map(|known| (*known, Some(known) == action))
            .collect(),
        actor,
        object,
        older,
    })
}

fn row(entry: AuditEntry, reader: &Reader) -> Row {
    let who_href = entry.actor.id.map(|id| format!("/audit?actor={id}"));
    Row {
        id: entry.id.to_string(),
        when: Moment::new(entry.at, &zone(reader), Show::Moment),
        who: entry.actor.name,
        kind: match entry.actor.kind {
            ActorKind::User => "signed in",
            ActorKind::Key => "API key",
            ActorKind::Program => "on the server",
        },
        who_href: who_href.unwrap_or_default(),
        action: entry.action,
        what: entry.object.name,
        what_kind: entry.object.kind.replace('_', " "),
        what_href: format!("/audit?object={}", entry.object.id),
        before: entry.before.unwrap_or_default(),
        after: entry.after.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Texts such as `plan.add` of the sources below a folder: those of kinds that are offered, and those of a `Change`.
    fn written_down(folder: &Path, found: &mut BTreeSet<String>) {
        let kinds: BTreeSet<_> = ACTIONS
            .iter()
            .filter_map(|action| action.split_once('.'))
            .map(|(kind, _)| kind)
            .collect();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                written_down(&path, found);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let quoted = source.split('"').skip(1).step_by(2);
            let of_kind = quoted.filter(|text| {
                let word = |text: &str| {
                    let letter = |octet: u8| octet.is_ascii_lowercase() || octet == b'_';
                    !text.is_empty() && text.bytes().all(letter)
                };
                text.split_once('.')
                    .is_some_and(|(kind, verb)| kinds.contains(kind) && word(verb))
            });
            found.extend(of_kind.map(str::to_owned));
            for change in source.split("Change::new(").skip(1) {
                let arguments = change.split(')').next().unwrap_or_default();
                found.extend(
                    arguments
                        .split('"')
                        .skip(1)
                        .step_by(2)
                        .take(1)
                        .map(str::to_owned),
                );
            }
        }
    }

    #[test]
    fn the_filter_offers_every_action_that_is_written_down_in_order() {
        let platform = Path::new(env!("CARGO_MANIFEST_DIR")).join("../platform/src");
        let mut found = BTreeSet::new();
        written_down(&platform, &mut found);
        let offered: Vec<_> = ACTIONS.iter().map(|action| (*action).to_owned()).collect();
        assert_eq!(offered, found.into_iter().collect::<Vec<_>>());
    }
}
