//! What a call was worth: said on its page by whoever sees it.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{Account, CallId, Lead, Money, Worth, WorthError};
use ringfence_platform::now;
use ringfence_platform::worth::{ChangeWorthError, WorthChange};
use serde::Deserialize;

use super::App;
use super::call;
use super::page::{Problem, unprocessable};
use super::session::Posted;
use super::words::capital;

/// A form as a browser sends it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    lead: String,
    value: String,
    tags: String,
    note: String,
}

pub(super) struct Choice {
    pub(super) word: &'static str,
    pub(super) name: &'static str,
    pub(super) chosen: bool,
}

/// The form on the page of a call, as it was sent when it failed.
pub(super) struct Fields {
    pub(super) leads: Vec<Choice>,
    pub(super) value: String,
    pub(super) currency: &'static str,
    pub(super) tags: String,
    /// Tags of other calls, to choose from.
    pub(super) known_tags: Vec<String>,
    pub(super) note: String,
    pub(super) value_wrong: Option<String>,
    pub(super) tags_wrong: Option<String>,
    pub(super) note_wrong: Option<String>,
}

impl Fields {
    /// What is known of a call.
    pub(super) fn of(worth: Option<&Worth>, account: &Account) -> Self {
        let money = Money::of(account);
        let sent = worth.map_or_else(Sent::default, |worth| Sent {
            lead: worth.lead.map_or("", Lead::as_str).to_owned(),
            value: worth
                .value
                .map(|value| money.plain(value))
                .unwrap_or_default(),
            tags: worth.tags.join(", "),
            note: worth.note.clone(),
        });
        Self::sent(sent, money)
    }

    fn sent(sent: Sent, money: Money) -> Self {
        let shortened = |text: String, most: usize| text.chars().take(most).collect();
        let choice = |word: &'static str, name| Choice {
            word,
            name,
            chosen: word == sent.lead,
        };
        Self {
            leads: std::iter::once(choice("", "Nobody said"))
                .chain(
                    Lead::ALL
                        .iter()
                        .map(|lead| choice(lead.as_str(), lead_name(*lead))),
                )
                .collect(),
            value: shortened(sent.value, 40),
            currency: money.code(),
            tags: shortened(sent.tags, 1_000),
            known_tags: Vec::new(),
            note: shortened(sent.note, 4_000),
            value_wrong: None,
            tags_wrong: None,
            note_wrong: None,
        }
    }

    /// Puts what is wrong beside its field.
    fn refuse(&mut self, error: &WorthError) {
        let text = Some(format!("{}.", capital(&error.to_string())));
        match error {
            WorthError::Value { .. } => self.value_wrong = text,
            WorthError::Tag(_) | WorthError::TooManyTags(_) => self.tags_wrong = text,
            WorthError::Note(_) => self.note_wrong = text,
        }
    }
}

/// What came of a call, for people.
pub(super) const fn lead_name(lead: Lead) -> &'static str {
    match lead {
        Lead::Unqualified => "Not qualified",
        Lead::Qualified => "Qualified",
        Lead::Converted => "Converted",
    }
}

pub(super) async fn save(
    State(app): State<App>,
    Path(call): Path<String>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let id: CallId = call.parse().map_err(|_| Problem::NotFound)?;
    let lead = match form.lead.as_str() {
        "" => None,
        word => Some(
            Lead::from_word(word).ok_or_else(|| Problem::BadForm(format!("no lead: {word:?}")))?,
        ),
    };
    let change = WorthChange {
        lead: Some(lead),
        value: Some(form.value.clone()),
        tags: Some(form.tags.split(',').map(str::to_owned).collect()),
        note: Some(form.note.clone()),
    };
    let account = &reader.viewer.account;
    match app.platform.change_worth(account, id, change, now()).await {
        Ok(_) => Ok(Redirect::to(&format!("/calls/{id}?done=worth#worth")).into_response()),
        Err(ChangeWorthError::NotFound) => Err(Problem::NotFound),
        Err(ChangeWorthError::Store(error)) => Err(error.into()),
        Err(ChangeWorthError::Worth(error)) => {
            let mut fields = Fields::sent(form, Money::of(account));
            fields.refuse(&error);
            Ok(unprocessable(
                call::page(&app, &reader, id, None, Some(fields)).await?,
            ))
        }
    }
}
