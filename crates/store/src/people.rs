//! People of an account: roles, who is disabled, passwords, and the sessions of one user.

use ringfence_model::{AccountId, Role, Session, SessionId, Timestamp, UserId};

use crate::accounts::{read_session, session_columns};
use crate::commit::Statement;
use crate::second_factors::END_PENDING_OF_USER;
use crate::value::args;
use crate::{Db, StoreError};

/// Two changes that would each leave an owner, and together none, wait for each other.
const LOCK_ACCOUNT: &str = "UPDATE accounts SET name = name WHERE id = $1";

macro_rules! another_owner {
    () => {
        "EXISTS (SELECT 1 FROM users AS other WHERE other.account = $1 AND other.id <> $2 \
         AND other.role = 'owner' AND other.disabled_at IS NULL)"
    };
}

const CHANGE_ROLE: &str = concat!(
    "UPDATE users SET role = $4 WHERE account = $1 AND id = $2 AND role = $3 \
     AND ($3 <> 'owner' OR $4 = 'owner' OR ",
    another_owner!(),
    ")"
);
const DISABLE: &str = concat!(
    "UPDATE users SET disabled_at = $4 WHERE account = $1 AND id = $2 AND role = $3 \
     AND disabled_at IS NULL AND ($3 <> 'owner' OR ",
    another_owner!(),
    ")"
);
const ENABLE: &str = "UPDATE users SET disabled_at = NULL \
    WHERE account = $1 AND id = $2 AND role = $3 AND disabled_at IS NOT NULL";
const END_SESSIONS: &str = "DELETE FROM sessions WHERE user_id = \
    (SELECT id FROM users WHERE account = $1 AND id = $2)";
const WITHDRAW_INVITATIONS_OF: &str =
    "DELETE FROM invitations WHERE account = $1 AND invited_by = $2";
const SESSIONS: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions WHERE user_id = (SELECT id FROM users WHERE account = $1 AND id = $2) \
     AND expires_at > $3 ORDER BY created_at DESC, id DESC LIMIT 200"
);
const END_SESSION_OF_USER: &str = "DELETE FROM sessions WHERE id = $3 AND user_id = \
    (SELECT id FROM users WHERE account = $1 AND id = $2)";
const END_OTHER_SESSIONS: &str = "DELETE FROM sessions WHERE id <> $3 AND user_id = \
    (SELECT id FROM users WHERE account = $1 AND id = $2)";
const CHANGE_PASSWORD: &str =
    "UPDATE users SET password_hash = $3 WHERE account = $1 AND id = $2 AND password_hash = $4";

impl Db {
    /// Changes a role from what it was known to be, and withdraws the user's invitations, which the new role might not
    /// have made. `false` when it is another one by now, or the account would be left without an owner who may sign in.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn change_role(
        &self,
        account: AccountId,
        user: UserId,
        from: Role,
        to: Role,
    ) -> Result<bool, StoreError> {
        let args = args![account, user, from.as_str(), to.as_str()];
        self.change_user(account, user, CHANGE_ROLE, args, false)
            .await
    }

    /// Disables a user whose role is known to be `role`, ends the user's sessions and withdraws the user's invitations.
    /// `false` when the user is disabled already or of another role by now, or is the last owner who may sign in.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn disable_user(
        &self,
        account: AccountId,
        user: UserId,
        role: Role,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let args = args![account, user, role.as_str(), at];
        self.change_user(account, user, DISABLE, args, true).await
    }

    /// Lets a disabled user, whose role is known to be `role`, sign in again; `false` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn enable_user(
        &self,
        account: AccountId,
        user: UserId,
        role: Role,
    ) -> Result<bool, StoreError> {
        let args = args![account, user, role.as_str()];
        Ok(self.run_one(ENABLE, args).await? > 0)
    }

    async fn change_user(
        &self,
        account: AccountId,
        user: UserId,
        sql: &'static str,
        args: Vec<crate::value::Value>,
        end_sessions: bool,
    ) -> Result<bool, StoreError> {
        let mut statements = vec![
            Statement::new(LOCK_ACCOUNT, args![account]),
            Statement::new(sql, args).decides(),
            Statement::new(WITHDRAW_INVITATIONS_OF, args![account, user]),
        ];
        if end_sessions {
            statements.push(Statement::new(END_SESSIONS, args![account, user]));
            statements.push(Statement::new(END_PENDING_OF_USER, args![account, user]));
        }
        let changed = self.run(statements).await?;
        Ok(changed.get(1).is_some_and(|users| *users > 0))
    }

    /// A user's sessions that live at `now`, the newest first, 200 at most.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn sessions(
        &self,
        account: AccountId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        self.rows(SESSIONS, args![account, user, now], read_session)
            .await
    }

    /// Ends one session of a user; `false` when the user has no such session.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn end_session_of(
        &self,
        account: AccountId,
        user: UserId,
        session: SessionId,
    ) -> Result<bool, StoreError> {
        let args = args![account, user, session];
        Ok(self.run_one(END_SESSION_OF_USER, args).await? > 0)
    }

    /// Ends all sessions of a user but one; answers how many.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn end_other_sessions(
        &self,
        account: AccountId,
        user: UserId,
        kept: SessionId,
    ) -> Result<u64, StoreError> {
        self.run_one(END_OTHER_SESSIONS, args![account, user, kept])
            .await
    }

    /// Changes a password's hash from what it was known to be, and ends all of the user's sessions but one. `false` when
    /// it is another one by now.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn change_password(
        &self,
        account: AccountId,
        user: UserId,
        from: &str,
        to: &str,
        kept: SessionId,
    ) -> Result<bool, StoreError> {
        let changed = self
            .run(vec![
                Statement::new(CHANGE_PASSWORD, args![account, user, to, from]).decides(),
                Statement::new(END_OTHER_SESSIONS, args![account, user, kept]),
                Statement::new(END_PENDING_OF_USER, args![account, user]),
            ])
            .await?;
        Ok(changed.first().is_some_and(|users| *users > 0))
    }
}
