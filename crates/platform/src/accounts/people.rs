//! People of an account: invited by a link that is shown once, given another role, disabled, and their own sessions.
//!
//! Who may do it says [`ringfence_model::Right`]; whom, [`ringfence_model::Role::may_manage`].

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ringfence_model::{
    Account, AccountId, Actor, ActorKind, Invitation, InvitationId, Role, Session, SessionId,
    Timestamp, User, UserId,
};
use ringfence_store::StoreError;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{AccountError, SignedIn, Viewer, normal_email, refused, token_hash};
use crate::audit::{self, Change};
use crate::{Platform, random, secret};

/// How long an invitation can be accepted.
pub const INVITATION_LIFE: Duration = Duration::from_hours(7 * 24);

/// Invitations of an account that wait at the same time, at most.
const MOST_INVITATIONS: usize = 100;

/// Users of an account at most.
const MOST_USERS: usize = 5_000;

/// Characters of a user's name at most.
const LONGEST_NAME: usize = 100;

/// Why nobody was invited, changed or let in.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The account has no such user, invitation or session.
    #[error("expected a user, invitation or session of this account, got none of them")]
    NotFound,
    /// Only an owner may.
    #[error("expected an owner, for owners are managed by owners alone; ask one of them")]
    OwnersOnly,
    /// Nobody would be left to give rights.
    #[error(
        "expected another owner who may sign in, for an account always has one; make somebody else an owner first"
    )]
    LastOwner,
    /// Somebody else changed the user at the same time.
    #[error(
        "expected the user as this page showed it, but somebody has changed it since; look again"
    )]
    Changed,
    /// Users do not lock themselves out.
    #[error("expected another user than yourself; ask another owner or admin to disable you")]
    Oneself,
    /// One's own factor is turned off with a code or the password.
    #[error("expected another user than yourself; turn your own second factor off on the page You")]
    OwnFactor,
    /// There is nothing to take away.
    #[error("expected a user who has a second factor, got one who has none; look again")]
    NoFactor,
    /// The address waits already.
    #[error(
        "expected an address that is not invited yet, {0} is; withdraw that invitation to make another link"
    )]
    InvitedAlready(String),
    /// The address is a user of the account already.
    #[error(
        "expected an address that is no user of this account yet, {0} is one; give that user another role instead"
    )]
    UserAlready(String),
    /// There are enough.
    #[error(
        "expected at most {MOST_INVITATIONS} invitations that wait, and {MOST_USERS} users; withdraw one that is not needed"
    )]
    TooMany,
    /// The name is too long or missing.
    #[error("expected a name of 1 to {LONGEST_NAME} characters, got {0}")]
    Name(usize),
    /// The link was used, withdrawn, is over, or is none of ours.
    #[error(
        "expected an invitation that is fresh and unused, got one that is not; ask whoever invited you for a new one"
    )]
    BadInvitation,
    /// The present password is another one.
    #[error("expected your present password, got another one; check it and try again")]
    WrongPassword,
    /// An address or password that cannot be one, or too many wrong ones.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The rows could not be read or written.
    #[error("the database did not answer as it should; nothing was changed")]
    Store(#[from] StoreError),
}

impl Platform {
    /// The users of an account, by name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn people(&self, account: AccountId) -> Result<Vec<User>, StoreError> {
        self.db.users(account).await
    }

    /// The invitations of an account that wait, the newest first.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn invitations(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<Invitation>, StoreError> {
        self.db.invitations(account, now).await
    }

    /// Invites somebody; the link's token is told to nobody else and never again.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn invite(
        &self,
        viewer: &Viewer,
        email: &str,
        role: Role,
        now: Timestamp,
    ) -> Result<(Invitation, String), PeopleError> {
        if !viewer.user.role.may_manage(role) {
            return Err(PeopleError::OwnersOnly);
        }
        let email = normal_email(email)?;
        let account = viewer.account.id;
        let users = self.db.users(account).await?;
        // Whether another account knows the address is not said here: whoever invites could ask for any.
        if users.iter().any(|user| user.email == email) {
            return Err(PeopleError::UserAlready(email));
        }
        let waiting = self.db.invitations(account, now).await?;
        if waiting.len() >= MOST_INVITATIONS || users.len() >= MOST_USERS {
            return Err(PeopleError::TooMany);
        }
        let token = secret();
        let invitation = Invitation {
            id: InvitationId::new(now, random()),
            account,
            email,
            role,
            token_hash: Sha256::digest(token).to_vec(),
            invited_by: viewer.user.id,
            created_at: now,
            expires_at: now + INVITATION_LIFE,
        };
        let change = Change::new(account, "invitation.add", audit::of_invitation(&invitation))
            .after(audit::invitation(&invitation));
        match self.recorded(change).add_invitation(&invitation).await {
            Ok(()) => {}
            Err(StoreError::Taken(_)) => return Err(PeopleError::InvitedAlready(invitation.email)),
            Err(error) => return Err(error.into()),
        }
        tracing::info!(invitation = %invitation.id, role = role.as_str(), "somebody was invited");
        Ok((invitation, URL_SAFE_NO_PAD.encode(token)))
    }

    /// Takes an invitation back: its link opens nothing from now on.
    ///
    /// # Errors
    /// [`PeopleError::OwnersOnly`], [`PeopleError::NotFound`], [`PeopleError::Store`].
    pub async fn withdraw_invitation(
        &self,
        viewer: &Viewer,
        invitation: InvitationId,
        now: Timestamp,
    ) -> Result<(), PeopleError> {
        let account = viewer.account.id;
        let waiting = self.db.invitations(account, now).await?;
        let known = waiting.into_iter().find(|known| known.id == invitation);
        let known = known.ok_or(PeopleError::NotFound)?;
        if !viewer.user.role.may_manage(known.role) {
            return Err(PeopleError::OwnersOnly);
        }
        let change = Change::new(account, "invitation.withdraw", audit::of_invitation(&known))
            .before(audit::invitation(&known));
        let withdrawing = self.recorded(change);
        if withdrawing.withdraw_invitation(account, invitation).await? {
            Ok(())
        } else {
            Err(PeopleError::NotFound)
        }
    }

    /// The invitation of a link, and the account that it leads to.
    ///
    /// # Errors
    /// [`PeopleError::BadInvitation`], [`PeopleError::Store`].
    pub async fn invitation(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<(Invitation, Account), PeopleError> {
        let hash = token_hash(token).ok_or_else(bad_invitation)?;
        let found = self.db.invitation_by_token_hash(&hash, now).await?;
        let invitation = found.ok_or_else(bad_invitation)?;
        let account = self.db.account(invitation.account).await?;
        Ok((invitation, account.ok_or_else(bad_invitation)?))
    }

    /// Makes the user that a link is for, spends the link, and signs the user in.
    ///
    /// # Errors
    /// [`PeopleError::BadInvitation`], [`PeopleError::Name`], [`PeopleError::Account`] when the password is too short or
    /// the address belongs to a user of this server by now, [`PeopleError::Store`].
    pub async fn accept_invitation(
        &self,
        token: &str,
        name: &str,
        password: &str,
        browser: &str,
        now: Timestamp,
    ) -> Result<SignedIn, PeopleError> {
        // Before the password is hashed, which is dear: a stranger has no link.
        let (invitation, _) = self.invitation(token, now).await?;
        let name = some_name(name)?;
        let hash = self.hash_of_new(password).await?;
        let user = UserId::new(now, random());
        // Whoever accepts is nobody yet: the entry is in the name of the user that is made.
        let (account, made) = (invitation.account, &invitation.email);
        let joined = Actor {
            kind: ActorKind::User,
            id: Some(user.0),
            name: made.clone(),
        };
        let change = Change::new(account, "user.join", audit::object("user", user.0, made)).after(
            json!({"name": name, "role": invitation.role.as_str(), "invitation_id": invitation.id.0}),
        );
        let accepted = self
            .recorded_by(joined, change)
            .accept_invitation(&invitation.token_hash, user, name, &hash, now)
            .await;
        match accepted {
            Ok(true) => {}
            Ok(false) => return Err(bad_invitation()),
            Err(StoreError::Taken(_)) => {
                return Err(AccountError::EmailTaken(invitation.email).into());
            }
            Err(error) => return Err(error.into()),
        }
        tracing::info!(%user, account = %invitation.account, "an invitation was accepted");
        let signed_in = self.begin_session(invitation.account, user, browser, now);
        Ok(signed_in.await?)
    }

    /// Gives a user another role. The invitations that the user made are withdrawn.
    ///
    /// # Errors
    /// [`PeopleError::OwnersOnly`], [`PeopleError::LastOwner`], [`PeopleError::Changed`], [`PeopleError::NotFound`],
    /// [`PeopleError::Store`].
    pub async fn change_role(
        &self,
        viewer: &Viewer,
        user: UserId,
        role: Role,
    ) -> Result<(), PeopleError> {
        let known = self.managed(viewer, user).await?;
        if !viewer.user.role.may_manage(role) {
            return Err(PeopleError::OwnersOnly);
        }
        if known.role == role {
            return Ok(());
        }
        let change = Change::new(known.account, "user.role", audit::of_user(&known))
            .before(json!({"role": known.role.as_str()}))
            .after(json!({"role": role.as_str()}));
        let changed = self
            .recorded(change)
            .change_role(known.account, user, known.role, role)
            .await?;
        if changed {
            tracing::info!(%user, role = role.as_str(), "a user has another role");
            return Ok(());
        }
        Err(self.why_unchanged(&known).await?)
    }

    /// Disables a user: sessions end at once, and the invitations that the user made are withdrawn.
    ///
    /// # Errors
    /// [`PeopleError::Oneself`], [`PeopleError::OwnersOnly`], [`PeopleError::LastOwner`], [`PeopleError::Changed`],
    /// [`PeopleError::NotFound`], [`PeopleError::Store`].
    pub async fn disable_user(
        &self,
        viewer: &Viewer,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), PeopleError> {
        if user == viewer.user.id {
            return Err(PeopleError::Oneself);
        }
        let known = self.managed(viewer, user).await?;
        if known.disabled_at.is_some() {
            return Ok(());
        }
        let change = Change::new(known.account, "user.disable", audit::of_user(&known))
            .before(json!({"disabled": false}))
            .after(json!({"disabled": true}));
        let changed = self
            .recorded(change)
            .disable_user(known.account, user, known.role, now)
            .await?;
        if changed {
            tracing::info!(%user, "a user was disabled");
            self.sign_out_agent(known.account, user, now).await?;
            return Ok(());
        }
        Err(self.why_unchanged(&known).await?)
    }

    /// Lets a disabled user sign in again.
    ///
    /// # Errors
    /// [`PeopleError::OwnersOnly`], [`PeopleError::Changed`], [`PeopleError::NotFound`], [`PeopleError::Store`].
    pub async fn enable_user(&self, viewer: &Viewer, user: UserId) -> Result<(), PeopleError> {
        let known = self.managed(viewer, user).await?;
        if known.disabled_at.is_none() {
            return Ok(());
        }
        let change = Change::new(known.account, "user.enable", audit::of_user(&known))
            .before(json!({"disabled": true}))
            .after(json!({"disabled": false}));
        let changed = self
            .recorded(change)
            .enable_user(known.account, user, known.role)
            .await?;
        if changed {
            tracing::info!(%user, "a user was enabled again");
            Ok(())
        } else {
            Err(PeopleError::Changed)
        }
    }

    /// The viewer's own sessions, the newest first.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn own_sessions(
        &self,
        viewer: &Viewer,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let (account, user) = (viewer.account.id, viewer.user.id);
        self.db.sessions(account, user, now).await
    }

    /// Ends one of the viewer's own sessions.
    ///
    /// # Errors
    /// [`PeopleError::NotFound`], [`PeopleError::Store`].
    pub async fn end_own_session(
        &self,
        viewer: &Viewer,
        session: SessionId,
    ) -> Result<(), PeopleError> {
        let (account, user) = (viewer.account.id, viewer.user.id);
        let change = Change::new(account, "session.end", audit::of_user(&viewer.user))
            .before(json!({"session_id": session.0}));
        let ending = self.recorded(change);
        if ending.end_session_of(account, user, session).await? {
            Ok(())
        } else {
            Err(PeopleError::NotFound)
        }
    }

    /// Ends all of the viewer's sessions but this one; answers how many.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub async fn end_other_sessions(&self, viewer: &Viewer) -> Result<u64, StoreError> {
        let (account, user) = (viewer.account.id, viewer.user.id);
        let change = Change::new(account, "session.end_others", audit::of_user(&viewer.user));
        self.recorded(change)
            .end_other_sessions(account, user, viewer.session)
            .await
    }

    /// Gives the viewer another password, and ends all of the viewer's sessions but this one. Whoever sits down at
    /// somebody's browser does not know the present one, and guesses no faster here than at the door.
    ///
    /// # Errors
    /// [`PeopleError::WrongPassword`], [`PeopleError::Account`], [`PeopleError::Changed`], [`PeopleError::Store`].
    pub async fn change_own_password(
        &self,
        viewer: &Viewer,
        present: &str,
        new: &str,
        now: Timestamp,
    ) -> Result<(), PeopleError> {
        if !self.knows_password(viewer, present, now).await? {
            return Err(PeopleError::WrongPassword);
        }
        let hash = self.hash_of_new(new).await?;
        let (account, user) = (viewer.account.id, viewer.user.id);
        let change = Change::new(account, "user.password", audit::of_user(&viewer.user));
        let changed = self
            .recorded(change)
            .change_password(
                account,
                user,
                &viewer.user.password_hash,
                &hash,
                viewer.session,
            )
            .await?;
        if changed {
            tracing::info!(%user, "a user changed the own password");
            Ok(())
        } else {
            Err(PeopleError::Changed)
        }
    }

    /// Whether a text is the viewer's password. Guesses are slowed down as at the door.
    pub(super) async fn knows_password(
        &self,
        viewer: &Viewer,
        password: &str,
        now: Timestamp,
    ) -> Result<bool, AccountError> {
        let keys = [format!("password of {}", viewer.user.id)];
        if let Some(wait) = self.sign_ins.wait(&keys, now) {
            refused("locked_out");
            return Err(AccountError::LockedOut { wait });
        }
        let known = viewer.user.password_hash.clone();
        let fits = password.len() <= super::LONGEST_PASSWORD
            && self.verify(password.to_owned(), known).await?;
        if fits {
            self.sign_ins.succeeded(&keys);
        } else {
            self.sign_ins.failed(&keys, now);
            refused("wrong_password");
        }
        Ok(fits)
    }

    /// A user of the viewer's account whom the viewer may manage.
    pub(super) async fn managed(&self, viewer: &Viewer, user: UserId) -> Result<User, PeopleError> {
        let users = self.db.users(viewer.account.id).await?;
        let known = users.into_iter().find(|known| known.id == user);
        let known = known.ok_or(PeopleError::NotFound)?;
        if viewer.user.role.may_manage(known.role) {
            Ok(known)
        } else {
            Err(PeopleError::OwnersOnly)
        }
    }

    /// Why the rows did not take a change of `known`.
    async fn why_unchanged(&self, known: &User) -> Result<PeopleError, StoreError> {
        let users = self.db.users(known.account).await?;
        let same = users.iter().any(|user| {
            user.id == known.id
                && user.role == known.role
                && user.disabled_at.is_some() == known.disabled_at.is_some()
        });
        Ok(if same && known.role == Role::Owner {
            PeopleError::LastOwner
        } else {
            PeopleError::Changed
        })
    }
}

fn bad_invitation() -> PeopleError {
    refused("bad_invitation");
    PeopleError::BadInvitation
}

fn some_name(name: &str) -> Result<&str, PeopleError> {
    let name = name.trim();
    let length = name.chars().count();
    if (1..=LONGEST_NAME).contains(&length) {
        Ok(name)
    } else {
        Err(PeopleError::Name(length))
    }
}
