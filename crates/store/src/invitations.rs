//! Links with which people become users. Only hashes of their tokens are here.

use ringfence_model::{AccountId, Invitation, InvitationId, Role, Timestamp, UserId};

use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! invitation_columns {
    () => {
        "id, account, email, role, token_hash, invited_by, created_at, expires_at"
    };
}

/// One that is over leaves its address free for another.
const PURGE: &str = "DELETE FROM invitations WHERE account = $1 AND expires_at <= $2";
const ADD: &str = concat!(
    "INSERT INTO invitations (",
    invitation_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
);
const OF_ACCOUNT: &str = concat!(
    "SELECT ",
    invitation_columns!(),
    " FROM invitations WHERE account = $1 AND expires_at > $2 ORDER BY created_at DESC, id DESC"
);
const BY_TOKEN_HASH: &str = concat!(
    "SELECT ",
    invitation_columns!(),
    " FROM invitations WHERE token_hash = $1 AND expires_at > $2"
);
const WITHDRAW: &str = "DELETE FROM invitations WHERE account = $1 AND id = $2";
const ACCEPT: &str = "INSERT INTO users (id, account, email, name, role, password_hash, created_at) \
    SELECT $1, account, email, $3, role, $4, $5 FROM invitations \
    WHERE token_hash = $2 AND expires_at > $5";
const SPEND: &str = "DELETE FROM invitations WHERE token_hash = $1";

impl Db {
    /// Adds an invitation.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the address is invited into the account already and that one is not over.
    pub async fn add_invitation(&self, invitation: &Invitation) -> Result<(), StoreError> {
        let args = args![
            invitation.id,
            invitation.account,
            invitation.email.as_str(),
            invitation.role.as_str(),
            invitation.token_hash.as_slice(),
            invitation.invited_by,
            invitation.created_at,
            invitation.expires_at,
        ];
        self.run(vec![
            Statement::new(PURGE, args![invitation.account, invitation.created_at]),
            Statement::new(ADD, args),
        ])
        .await
        .map(drop)
    }

    /// An account's invitations that are not over at `now`, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn invitations(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<Invitation>, StoreError> {
        self.rows(OF_ACCOUNT, args![account, now], read_invitation)
            .await
    }

    /// The invitation whose token has this SHA-256, unless it is over at `now`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn invitation_by_token_hash(
        &self,
        token_hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<Invitation>, StoreError> {
        self.row(BY_TOKEN_HASH, args![token_hash, now], read_invitation)
            .await
    }

    /// Takes an invitation back; `false` when the account has none of this identifier.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn withdraw_invitation(
        &self,
        account: AccountId,
        invitation: InvitationId,
    ) -> Result<bool, StoreError> {
        Ok(self.run_one(WITHDRAW, args![account, invitation]).await? > 0)
    }

    /// Makes the user that an invitation is for and spends it, both or neither. `false` when it was spent, withdrawn or
    /// is over at `now`.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the address belongs to a user by now, in whatever account.
    pub async fn accept_invitation(
        &self,
        token_hash: &[u8],
        user: UserId,
        name: &str,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let args = args![user, token_hash, name, password_hash, now];
        let changed = self
            .run(vec![
                Statement::new(ACCEPT, args).decides(),
                Statement::new(SPEND, args![token_hash]),
            ])
            .await?;
        Ok(changed.first().is_some_and(|users| *users > 0))
    }
}

fn read_invitation(row: &mut Reader<'_>) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        id: InvitationId(row.uuid()?),
        account: AccountId(row.uuid()?),
        email: row.text()?,
        role: row.word(Role::from_word)?,
        token_hash: row.bytes()?,
        invited_by: UserId(row.uuid()?),
        created_at: row.time()?,
        expires_at: row.time()?,
    })
}
