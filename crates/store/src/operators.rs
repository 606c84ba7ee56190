//! Operators: users who run the platform, in whatever account they sign in.

use ringfence_model::{AccountId, Timestamp, User, UserId};

use crate::accounts::{read_user, user_columns};
use crate::row::read_count;
use crate::value::args;
use crate::{Db, StoreError};

const ADD_OPERATOR: &str = "INSERT INTO operators (account, user_id, added_at) VALUES ($1, $2, $3) \
    ON CONFLICT DO NOTHING";
const IS_OPERATOR: &str = "SELECT COUNT(*) FROM operators WHERE account = $1 AND user_id = $2";
const OPERATORS: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users WHERE EXISTS (SELECT 1 FROM operators WHERE operators.account = users.account \
     AND operators.user_id = users.id) ORDER BY email"
);

impl Db {
    /// Makes a user an operator; does nothing when it is one.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the account has no such user.
    pub async fn add_operator(
        &self,
        account: AccountId,
        user: UserId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.run_one(ADD_OPERATOR, args![account, user, at])
            .await
            .map(drop)
    }

    /// Whether the account's user is an operator.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn is_operator(&self, account: AccountId, user: UserId) -> Result<bool, StoreError> {
        let found = self
            .row(IS_OPERATOR, args![account, user], read_count)
            .await?;
        Ok(found.is_some_and(|count| count > 0))
    }

    /// Every operator, of whatever account, by mail address: for operators, never for a tenant.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn operators(&self) -> Result<Vec<User>, StoreError> {
        self.rows(OPERATORS, args![], read_user).await
    }
}
