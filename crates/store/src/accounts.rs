//! Accounts, users and their sessions.

use ringfence_model::{Account, AccountId, Role, Session, SessionId, Timestamp, User, UserId};

use crate::{Db, StoreError};

impl Db {
    /// Adds an account.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its identifier is in use.
    pub async fn add_account(&self, account: &Account) -> Result<(), StoreError> {
        todo!()
    }
    /// One account.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn account(&self, account: AccountId) -> Result<Option<Account>, StoreError> {
        todo!()
    }
    /// Every account, oldest first: for the platform itself, never for a tenant.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        todo!()
    }
    /// The oldest account.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn first_account(&self) -> Result<Option<Account>, StoreError> {
        todo!()
    }
    /// Adds a user.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the e-mail address is in use, in whatever account.
    pub async fn add_user(&self, user: &User) -> Result<(), StoreError> {
        todo!()
    }
    /// The user who signs in with `email`, in whatever case it is written.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        todo!()
    }
    /// The users of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn users(&self, account: AccountId) -> Result<Vec<User>, StoreError> {
        todo!()
    }
    /// Sets a password's hash (PHC string) and ends the user's sessions; `false` when there is no such user.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn set_password(
        &self,
        account: AccountId,
        user: UserId,
        password_hash: &str,
    ) -> Result<bool, StoreError> {
        todo!()
    }
    /// Sets a role; `false` when there is no such user.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn set_role(
        &self,
        account: AccountId,
        user: UserId,
        role: Role,
    ) -> Result<bool, StoreError> {
        todo!()
    }
    /// Adds a session.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when there is no such user.
    pub async fn add_session(&self, session: &Session) -> Result<(), StoreError> {
        todo!()
    }
    /// The session whose token has this SHA-256, unless it is over at `now`, and its user.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn session_by_token_hash(
        &self,
        token_hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<(Session, User)>, StoreError> {
        todo!()
    }
    /// Ends a session; `false` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn end_session(&self, session: SessionId) -> Result<bool, StoreError> {
        todo!()
    }
    /// Removes sessions that are over at `now` and says how many.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn purge_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        todo!()
    }
}
