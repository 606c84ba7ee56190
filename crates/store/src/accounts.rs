//! Accounts, users and their sessions.

use ringfence_model::{
    Account, AccountId, Money, Role, Session, SessionId, Timestamp, User, UserId,
};

use crate::commit::Statement;
use crate::row::Reader;
use crate::second_factors::END_PENDING_OF_USER;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! account_columns {
    () => {
        "id, name, country, time_zone, currency, created_at"
    };
}
pub(crate) use account_columns;

macro_rules! user_columns {
    () => {
        "id, account, email, name, role, password_hash, created_at, disabled_at, last_sign_in_at"
    };
}

pub(crate) use user_columns;

macro_rules! session_columns {
    () => {
        "id, user_id, token_hash, created_at, expires_at, browser"
    };
}
pub(crate) use session_columns;

const ADD_ACCOUNT: &str = concat!(
    "INSERT INTO accounts (",
    account_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6)"
);
const CHANGE_ACCOUNT: &str =
    "UPDATE accounts SET name = $2, country = $3, time_zone = $4, currency = $5 WHERE id = $1";
const ACCOUNT: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM accounts WHERE id = $1"
);
const ACCOUNTS: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM accounts ORDER BY created_at, id"
);
const FIRST_ACCOUNT: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM accounts ORDER BY created_at, id LIMIT 1"
);
const ADD_USER: &str = concat!(
    "INSERT INTO users (",
    user_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
);
const USER_BY_EMAIL: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE email = $1");
const USERS: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users WHERE account = $1 ORDER BY name, id"
);
const SET_PASSWORD: &str = "UPDATE users SET password_hash = $3 WHERE account = $1 AND id = $2";
pub(crate) const END_SESSIONS_OF_USER: &str = "DELETE FROM sessions WHERE user_id = \
    (SELECT id FROM users WHERE account = $1 AND id = $2)";
const ADD_SESSION: &str = concat!(
    "INSERT INTO sessions (",
    session_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6)"
);
const SIGNED_IN: &str = "UPDATE users SET last_sign_in_at = $2 WHERE id = $1";
const SESSION_BY_TOKEN_HASH: &str = concat!(
    "SELECT s.*, u.* FROM (SELECT ",
    session_columns!(),
    " FROM sessions WHERE token_hash = $1 AND expires_at > $2) AS s JOIN (SELECT ",
    user_columns!(),
    " FROM users WHERE disabled_at IS NULL) AS u ON u.id = s.user_id"
);
const END_SESSION: &str = "DELETE FROM sessions WHERE id = $1";
const PURGE_SESSIONS: &str = "DELETE FROM sessions WHERE expires_at <= $1";

impl Db {
    /// Adds an account.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its identifier is in use.
    pub async fn add_account(&self, account: &Account) -> Result<(), StoreError> {
        let args = args![
            account.id,
            account.name.as_str(),
            account.country.as_str(),
            account.time_zone.as_str(),
            account.money.map(Money::code),
            account.created_at,
        ];
        self.run_one(ADD_ACCOUNT, args).await.map(drop)
    }
    /// Changes an account's name, country, zone and money.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn change_account(&self, account: &Account) -> Result<(), StoreError> {
        let args = args![
            account.id,
            account.name.as_str(),
            account.country.as_str(),
            account.time_zone.as_str(),
            account.money.map(Money::code),
        ];
        self.run_one(CHANGE_ACCOUNT, args).await.map(drop)
    }
    /// One account.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn account(&self, account: AccountId) -> Result<Option<Account>, StoreError> {
        self.row(ACCOUNT, args![account], read_account).await
    }
    /// Every account, oldest first: for the platform itself, never for a tenant.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.rows(ACCOUNTS, args![], read_account).await
    }
    /// The oldest account.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn first_account(&self) -> Result<Option<Account>, StoreError> {
        self.row(FIRST_ACCOUNT, args![], read_account).await
    }
    /// Adds a user.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the e-mail address is in use, in whatever account.
    pub async fn add_user(&self, user: &User) -> Result<(), StoreError> {
        let args = args![
            user.id,
            user.account,
            user.email.to_lowercase(),
            user.name.as_str(),
            user.role.as_str(),
            user.password_hash.as_str(),
            user.created_at,
            user.disabled_at,
            user.last_sign_in_at,
        ];
        self.run_one(ADD_USER, args).await.map(drop)
    }
    /// The user who signs in with `email`, in whatever case it is written.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        self.row(USER_BY_EMAIL, args![email.trim().to_lowercase()], read_user)
            .await
    }
    /// The users of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn users(&self, account: AccountId) -> Result<Vec<User>, StoreError> {
        self.rows(USERS, args![account], read_user).await
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
        let changed = self
            .run(vec![
                Statement::new(SET_PASSWORD, args![account, user, password_hash]),
                Statement::new(END_SESSIONS_OF_USER, args![account, user]),
                Statement::new(END_PENDING_OF_USER, args![account, user]),
            ])
            .await?;
        Ok(changed.first().is_some_and(|users| *users > 0))
    }
    /// Adds a session: its user has signed in.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when there is no such user.
    pub async fn add_session(&self, session: &Session) -> Result<(), StoreError> {
        let args = args![
            session.id,
            session.user,
            session.token_hash.as_slice(),
            session.created_at,
            session.expires_at,
            session.browser.as_str(),
        ];
        self.run(vec![
            Statement::new(ADD_SESSION, args),
            Statement::new(SIGNED_IN, args![session.user, session.created_at]),
        ])
        .await
        .map(drop)
    }
    /// The session whose token has this SHA-256, unless it is over at `now` or its user disabled, and the user.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn session_by_token_hash(
        &self,
        token_hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<(Session, User)>, StoreError> {
        self.row(SESSION_BY_TOKEN_HASH, args![token_hash, now], |row| {
            Ok((read_session(row)?, read_user(row)?))
        })
        .await
    }
    /// Ends a session; `false` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn end_session(&self, session: SessionId) -> Result<bool, StoreError> {
        Ok(self.run_one(END_SESSION, args![session]).await? > 0)
    }
    /// Removes sessions that are over at `now` and says how many.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn purge_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.run_one(PURGE_SESSIONS, args![now]).await
    }
}

pub(crate) fn read_account(row: &mut Reader<'_>) -> Result<Account, StoreError> {
    Ok(Account {
        id: AccountId(row.uuid()?),
        name: row.text()?,
        country: row.text()?,
        time_zone: row.text()?,
        money: row.optional_word(Money::from_code)?,
        created_at: row.time()?,
    })
}

pub(crate) fn read_user(row: &mut Reader<'_>) -> Result<User, StoreError> {
    Ok(User {
        id: UserId(row.uuid()?),
        account: AccountId(row.uuid()?),
        email: row.text()?,
        name: row.text()?,
        role: row.word(Role::from_word)?,
        password_hash: row.text()?,
        created_at: row.time()?,
        disabled_at: row.optional_time()?,
        last_sign_in_at: row.optional_time()?,
    })
}

pub(crate) fn read_session(row: &mut Reader<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        id: SessionId(row.uuid()?),
        user: UserId(row.uuid()?),
        token_hash: row.bytes()?,
        created_at: row.time()?,
        expires_at: row.time()?,
        browser: row.text()?,
    })
}
