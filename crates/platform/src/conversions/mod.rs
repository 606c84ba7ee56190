//! Conversions: advertising platforms are told which calls came of their clicks. Destinations are added, changed, tried out;
//! which calls count is decided in `ringfence_tracking`, what is said to whom in a module for each platform, and sending is in
//! `sending`.

mod asking;
mod check;
mod google_ads;
mod google_analytics;
mod meta;
mod request;
mod sending;

use ringfence_model::{
    AccountId, AuditObject, CallId, Conversion, ConversionDestination, ConversionDestinationId,
    ConversionPlatform, ConversionState, DeliveryAttempt, DeliveryId, Timestamp,
};
use ringfence_store::{DeliveryCursor, StoreError};
use serde_json::{Value, json};

use crate::arrangement::FieldProblem;
use crate::audit::{Change, object};
use crate::secrets::{Place, SealedError};
use crate::{Platform, random};

use asking::Asking;
pub use check::DestinationWish;
pub use request::{ConversionUrls, Credentials, NotSent, Verdict};

/// Destinations of an account at most.
const MOST_DESTINATIONS: usize = 20;

/// Why a destination was not added, changed, found or tried.
#[derive(Debug, thiserror::Error)]
pub enum ConversionError {
    /// What is wrong, each with its field.
    #[error("{}", .0.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>().join("; "))]
    Problems(Vec<FieldProblem>),
    /// The account has no such destination or conversion.
    #[error("expected a destination or conversion of this account")]
    NotFound,
    /// The credentials do not open.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// The rows could not be read or written.
    #[error("the database did not answer as it should; nothing was changed")]
    Store(#[from] StoreError),
}

impl Platform {
    /// Adds a destination; calls that end from now on are told.
    ///
    /// # Errors
    /// [`ConversionError`]; nothing was added.
    pub async fn add_conversion_destination(
        &self,
        account: AccountId,
        wish: &DestinationWish,
        now: Timestamp,
    ) -> Result<ConversionDestination, ConversionError> {
        let checked = wish.checked(None).map_err(ConversionError::Problems)?;
        if self.db.conversion_destinations(account).await?.len() >= MOST_DESTINATIONS {
            let text = format!(
                "expected at most {MOST_DESTINATIONS} destinations; remove one that is not used"
            );
            let problem = FieldProblem::new("target", text);
            return Err(ConversionError::Problems(vec![problem]));
        }
        let id = ConversionDestinationId::new(now, random());
        let credentials = checked.credentials.unwrap_or_default();
        let destination = ConversionDestination {
            id,
            account,
            platform: checked.platform,
            target: checked.target,
            event: checked.event,
            rule: checked.rule,
            secret: self.sealed(account, id, &credentials),
            enabled: true,
            failing_since: None,
            created_at: now,
        };
        let change = Change::new(account, "conversion.add", of_destination(&destination))
            .after(told(&destination));
        let rows = self.recorded(change);
        rows.add_conversion_destination(&destination).await?;
        tracing::info!(destination = %id, "a destination of conversions was added");
        Ok(destination)
    }

    /// Changes a destination; without new credentials the known ones stay.
    ///
    /// # Errors
    /// [`ConversionError`]; nothing was changed.
    pub async fn change_conversion_destination(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
        wish: &DestinationWish,
    ) -> Result<ConversionDestination, ConversionError> {
        let known = self.conversion_destination(account, destination).await?;
        let checked = wish.checked(Some(known.platform));
        let checked = checked.map_err(ConversionError::Problems)?;
        let credentials = checked.credentials.as_ref();
        let changed = ConversionDestination {
            target: checked.target,
            event: checked.event,
            rule: checked.rule,
            enabled: wish.enabled,
            failing_since: None,
            secret: credentials.map_or_else(
                || known.secret.clone(),
                |credentials| self.sealed(account, destination, credentials),
            ),
            ..known.clone()
        };
        let mut after = told(&changed);
        after["new_credentials"] = credentials.is_some().into();
        let change = Change::new(account, "conversion.change", of_destination(&changed))
            .before(told(&known))
            .after(after);
        let rows = self.recorded(change);
        if !rows.update_conversion_destination(&changed).await? {
            return Err(ConversionError::NotFound);
        }
        Ok(changed)
    }

    /// Takes a destination away, with its log and what waits for it.
    ///
    /// # Errors
    /// [`ConversionError::NotFound`], [`ConversionError::Store`].
    pub async fn remove_conversion_destination(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
    ) -> Result<(), ConversionError> {
        let known = self.conversion_destination(account, destination).await?;
        let change =
            Change::new(account, "conversion.remove", of_destination(&known)).before(told(&known));
        let rows = self.recorded(change);
        let removed = rows.remove_conversion_destination(account, destination);
        if !removed.await? {
            return Err(ConversionError::NotFound);
        }
        tracing::info!(%destination, "a destination of conversions was removed");
        Ok(())
    }

    /// An account's destinations, the oldest first.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn conversion_destinations(
        &self,
        account: AccountId,
    ) -> Result<Vec<ConversionDestination>, StoreError> {
        self.db.conversion_destinations(account).await
    }

    /// One destination.
    ///
    /// # Errors
    /// [`ConversionError::NotFound`], [`ConversionError::Store`].
    pub async fn conversion_destination(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
    ) -> Result<ConversionDestination, ConversionError> {
        let found = self.db.conversion_destination(account, destination).await?;
        found.ok_or(ConversionError::NotFound)
    }

    /// Tells a destination of nobody, in the way that its platform has for trials: nothing is counted. `code` is Meta's code
    /// for trials, which its page for them shows.
    ///
    /// # Errors
    /// [`ConversionError`].
    pub async fn try_conversion_destination(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
        code: &str,
        now: Timestamp,
    ) -> Result<Verdict, ConversionError> {
        let known = self.conversion_destination(account, destination).await?;
        let code = code.trim();
        let is_code = !code.is_empty()
            && code.len() <= 40
            && code.bytes().all(|octet| octet.is_ascii_alphanumeric());
        if known.platform == ConversionPlatform::Meta && !is_code {
            let text = "expected the code that Meta's page Test Events shows, such as TEST12345";
            let problem = FieldProblem::new("code", text);
            return Err(ConversionError::Problems(vec![problem]));
        }
        Ok(Asking::of(self, &known)?.try_out(code, now).await.verdict)
    }

    /// A page of a destination's log, newest call first, and where the next one begins.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn conversions(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
        state: Option<ConversionState>,
        after: Option<DeliveryCursor>,
        limit: u32,
    ) -> Result<(Vec<Conversion>, Option<DeliveryCursor>), StoreError> {
        let page = self
            .db
            .conversions(account, destination, state, after, limit);
        page.await
    }

    /// One conversion, and its attempts in order.
    ///
    /// # Errors
    /// [`ConversionError::NotFound`], [`ConversionError::Store`].
    pub async fn conversion(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
        conversion: DeliveryId,
    ) -> Result<(Conversion, Vec<DeliveryAttempt>), ConversionError> {
        let found = self.db.conversion(account, destination, conversion).await?;
        let found = found.ok_or(ConversionError::NotFound)?;
        let attempts = self.db.delivery_attempts(account, found.id).await?;
        Ok((found, attempts))
    }

    /// What became of a call as a conversion, with the destination of each.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn conversions_of_call(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Vec<(ConversionDestination, Conversion)>, StoreError> {
        let told = self.db.conversions_of_call(account, call).await?;
        if told.is_empty() {
            return Ok(Vec::new());
        }
        let destinations = self.db.conversion_destinations(account).await?;
        let with = |conversion: Conversion| {
            let mut all = destinations.iter();
            let found = all.find(|known| known.id == conversion.destination)?;
            Some((found.clone(), conversion))
        };
        Ok(told.into_iter().filter_map(with).collect())
    }

    /// Looks at a conversion again that was given up or passed over, and tells it when it counts. What was taken is never
    /// told again.
    ///
    /// # Errors
    /// [`ConversionError::NotFound`], [`ConversionError::Store`].
    pub async fn replay_conversion(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
        conversion: DeliveryId,
        now: Timestamp,
    ) -> Result<(), ConversionError> {
        let known = self.conversion_destination(account, destination).await?;
        let change = Change::new(account, "conversion.replay", of_destination(&known))
            .after(json!({"conversion_id": conversion.0}));
        let rows = self.recorded(change);
        let replayed = rows.replay_conversion(account, destination, conversion, now);
        if replayed.await? {
            Ok(())
        } else {
            Err(ConversionError::NotFound)
        }
    }

    fn sealed(
        &self,
        account: AccountId,
        destination: ConversionDestinationId,
        credentials: &Credentials,
    ) -> Vec<u8> {
        let secret = json!(credentials).to_string();
        let secrets = &self.keys.secrets;
        secrets.seal(
            place(account, destination),
            secret.as_bytes(),
            rand::random(),
        )
    }
}

fn place(account: AccountId, destination: ConversionDestinationId) -> Place {
    Place {
        account,
        column: "conversion_destinations.secret",
        row: destination.0,
    }
}

fn of_destination(destination: &ConversionDestination) -> AuditObject {
    let name = format!("{} {}", destination.platform.name(), destination.target);
    object("conversion", destination.id.0, &name)
}

/// What of a destination is written down: not its credentials.
fn told(destination: &ConversionDestination) -> Value {
    json!({
        "platform": destination.platform.as_str(),
        "target": destination.target,
        "event": destination.event,
        "rule": destination.rule,
        "enabled": destination.enabled,
    })
}
