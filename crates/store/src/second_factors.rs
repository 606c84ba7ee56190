//! Second factors, their recovery codes, sign-ins that wait for one, and which accounts require it.

use ringfence_model::{AccountId, PendingSignIn, SecondFactor, Timestamp, UserId};

use crate::accounts::END_SESSIONS_OF_USER;
use crate::commit::Statement;
use crate::row::{Reader, read_count};
use crate::value::args;
use crate::{Db, StoreError};

/// Sign-ins of one user that wait at the same time; the oldest go first.
const MOST_PENDING: i64 = 5;

macro_rules! factor_columns {
    () => {
        "account, user_id, secret, created_at, confirmed_at, last_step, refused, refused_at"
    };
}

macro_rules! pending_columns {
    () => {
        "token_hash, account, user_id, tries, created_at, expires_at"
    };
}

const FACTOR: &str = concat!(
    "SELECT ",
    factor_columns!(),
    " FROM second_factors WHERE account = $1 AND user_id = $2"
);
/// One that counts already is not drawn anew.
const DRAW: &str = concat!(
    "INSERT INTO second_factors (",
    factor_columns!(),
    ") VALUES ($1, $2, $3, $4, NULL, 0, 0, NULL) ON CONFLICT (account, user_id) DO UPDATE \
     SET secret = excluded.secret, created_at = excluded.created_at \
     WHERE second_factors.confirmed_at IS NULL"
);
/// Only the secret that the code was made from: another page may have drawn another one meanwhile.
const CONFIRM: &str = "UPDATE second_factors SET confirmed_at = $4, last_step = $5, refused = 0, refused_at = NULL \
    WHERE account = $1 AND user_id = $2 AND secret = $3 AND confirmed_at IS NULL";
const SPEND_STEP: &str = "UPDATE second_factors SET last_step = $3, refused = 0, refused_at = NULL \
    WHERE account = $1 AND user_id = $2 AND confirmed_at IS NOT NULL AND last_step < $3";
const REFUSE: &str = "UPDATE second_factors SET refused = refused + 1, refused_at = $3 \
    WHERE account = $1 AND user_id = $2 AND confirmed_at IS NOT NULL";
const REMOVE: &str = "DELETE FROM second_factors WHERE account = $1 AND user_id = $2";
/// A change of the codes is one of the factor that they belong to.
const TOUCH: &str = "UPDATE second_factors SET refused = refused \
    WHERE account = $1 AND user_id = $2 AND confirmed_at IS NOT NULL";
const WITH_FACTOR: &str = "SELECT user_id FROM second_factors WHERE account = $1 AND confirmed_at IS NOT NULL \
    ORDER BY user_id";
const HAS_FACTOR: &str = "SELECT COUNT(*) FROM second_factors \
    WHERE account = $1 AND user_id = $2 AND confirmed_at IS NOT NULL";

const ADD_RECOVERY_CODE: &str =
    "INSERT INTO recovery_codes (account, user_id, code_hash) VALUES ($1, $2, $3)";
const SPEND_RECOVERY_CODE: &str =
    "DELETE FROM recovery_codes WHERE account = $1 AND user_id = $2 AND code_hash = $3";
const REMOVE_RECOVERY_CODES: &str =
    "DELETE FROM recovery_codes WHERE account = $1 AND user_id = $2";
const RECOVERY_CODES_LEFT: &str =
    "SELECT COUNT(*) FROM recovery_codes WHERE account = $1 AND user_id = $2";
const FORGIVE: &str = "UPDATE second_factors SET refused = 0, refused_at = NULL \
    WHERE account = $1 AND user_id = $2";

const PURGE_PENDING: &str = "DELETE FROM pending_sign_ins WHERE expires_at <= $1";
const MAKE_ROOM: &str = "DELETE FROM pending_sign_ins WHERE account = $1 AND user_id = $2 AND token_hash NOT IN \
    (SELECT token_hash FROM pending_sign_ins WHERE account = $1 AND user_id = $2 \
     ORDER BY created_at DESC, token_hash LIMIT $3)";
const ADD_PENDING: &str = concat!(
    "INSERT INTO pending_sign_ins (",
    pending_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6)"
);
const PENDING: &str = concat!(
    "SELECT ",
    pending_columns!(),
    " FROM pending_sign_ins WHERE token_hash = $1 AND expires_at > $2"
);
const TRY_CODE: &str = "UPDATE pending_sign_ins SET tries = tries + 1 \
    WHERE token_hash = $1 AND expires_at > $2 AND tries < $3";
const END_PENDING: &str = "DELETE FROM pending_sign_ins WHERE token_hash = $1";
/// Whatever makes a password or a factor worthless ends what was begun with it.
pub(crate) const END_PENDING_OF_USER: &str =
    "DELETE FROM pending_sign_ins WHERE account = $1 AND user_id = $2";

const REQUIRE: &str = "INSERT INTO second_factor_rules (account, required_since) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const NO_LONGER_REQUIRE: &str = "DELETE FROM second_factor_rules WHERE account = $1";
const REQUIRED_SINCE: &str = "SELECT required_since FROM second_factor_rules WHERE account = $1";
/// The account requires one, and the user has none that counts.
const IS_OWED: &str = "SELECT COUNT(*) FROM second_factor_rules WHERE account = $1 AND NOT EXISTS \
    (SELECT 1 FROM second_factors WHERE account = $1 AND user_id = $2 AND confirmed_at IS NOT NULL)";

impl Db {
    /// A user's second factor, whether it counts yet or not.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn second_factor(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<SecondFactor>, StoreError> {
        self.row(FACTOR, args![account, user], read_factor).await
    }

    /// Keeps a sealed secret that counts once its first code was right; `false` when the user has one that counts.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the account has no such user.
    pub async fn draw_second_factor(
        &self,
        account: AccountId,
        user: UserId,
        secret: &[u8],
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.run_one(DRAW, args![account, user, secret, at]).await? > 0)
    }

    /// Has `factor` count from now on, whose first code was of `step`, with these recovery codes. `false` when it counts
    /// already or another secret was drawn since.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn confirm_second_factor(
        &self,
        factor: &SecondFactor,
        step: i64,
        code_hashes: &[[u8; 32]],
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (account, user) = (factor.account, factor.user);
        let args = args![account, user, factor.secret.as_slice(), at, step];
        let mut statements = vec![Statement::new(CONFIRM, args).decides()];
        statements.extend(recovery_codes(account, user, code_hashes));
        self.changes_first(statements).await
    }

    /// Takes a code of `step`, once; `false` when one of that step or a later one was taken before.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn spend_step(
        &self,
        account: AccountId,
        user: UserId,
        step: i64,
    ) -> Result<bool, StoreError> {
        Ok(self.run_one(SPEND_STEP, args![account, user, step]).await? > 0)
    }

    /// Counts a code that was refused.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn refuse_code(
        &self,
        account: AccountId,
        user: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.run_one(REFUSE, args![account, user, at]).await? > 0)
    }

    /// Takes a recovery code, once; `false` when the user has none of this hash.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn spend_recovery_code(
        &self,
        account: AccountId,
        user: UserId,
        code_hash: &[u8; 32],
    ) -> Result<bool, StoreError> {
        let args = args![account, user, code_hash.as_slice()];
        self.changes_first(vec![
            Statement::new(SPEND_RECOVERY_CODE, args).decides(),
            Statement::new(FORGIVE, args![account, user]),
        ])
        .await
    }

    /// Replaces all recovery codes of a user whose factor counts; `false` when it does not.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn replace_recovery_codes(
        &self,
        account: AccountId,
        user: UserId,
        code_hashes: &[[u8; 32]],
    ) -> Result<bool, StoreError> {
        let mut statements = vec![
            Statement::new(TOUCH, args![account, user]).decides(),
            Statement::new(REMOVE_RECOVERY_CODES, args![account, user]),
        ];
        statements.extend(recovery_codes(account, user, code_hashes));
        self.changes_first(statements).await
    }

    /// How many recovery codes a user has left.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn recovery_codes_left(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<u64, StoreError> {
        let left = self.row(RECOVERY_CODES_LEFT, args![account, user], read_count);
        Ok(left.await?.unwrap_or(0))
    }

    /// Takes a user's factor away, with its recovery codes and what waits for it, and the user's sessions as well where
    /// `end_sessions`. `false` when there was none.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn remove_second_factor(
        &self,
        account: AccountId,
        user: UserId,
        end_sessions: bool,
    ) -> Result<bool, StoreError> {
        let mut statements = vec![
            Statement::new(REMOVE, args![account, user]).decides(),
            Statement::new(REMOVE_RECOVERY_CODES, args![account, user]),
            Statement::new(END_PENDING_OF_USER, args![account, user]),
        ];
        if end_sessions {
            statements.push(Statement::new(END_SESSIONS_OF_USER, args![account, user]));
        }
        self.changes_first(statements).await
    }

    /// Who of an account has a factor that counts.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn users_with_second_factor(
        &self,
        account: AccountId,
    ) -> Result<Vec<UserId>, StoreError> {
        self.rows(WITH_FACTOR, args![account], |row| Ok(UserId(row.uuid()?)))
            .await
    }

    /// Whether a user has a factor that counts.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn has_second_factor(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        let found = self.row(HAS_FACTOR, args![account, user], read_count);
        Ok(found.await?.is_some_and(|count| count > 0))
    }

    /// Keeps a sign-in that waits for a code, and of those that the user had the newest alone.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the account has no such user.
    pub async fn add_pending_sign_in(&self, pending: &PendingSignIn) -> Result<(), StoreError> {
        let (account, user) = (pending.account, pending.user);
        let args = args![
            pending.token_hash.as_slice(),
            account,
            user,
            pending.tries,
            pending.created_at,
            pending.expires_at,
        ];
        self.run(vec![
            Statement::new(PURGE_PENDING, args![pending.created_at]),
            Statement::new(MAKE_ROOM, args![account, user, MOST_PENDING - 1]),
            Statement::new(ADD_PENDING, args),
        ])
        .await
        .map(drop)
    }

    /// The sign-in whose token has this SHA-256 and that waits at `now`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn pending_sign_in(
        &self,
        token_hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<PendingSignIn>, StoreError> {
        self.row(PENDING, args![token_hash, now], read_pending)
            .await
    }

    /// Counts a try of a sign-in that waits; `false` when it is over or had `most` tries.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn try_code(
        &self,
        token_hash: &[u8],
        most: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.run_one(TRY_CODE, args![token_hash, now, most]).await? > 0)
    }

    /// Ends a sign-in that waits, since it became a session or had its tries; `false` when somebody was faster.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn end_pending_sign_in(&self, token_hash: &[u8]) -> Result<bool, StoreError> {
        Ok(self.run_one(END_PENDING, args![token_hash]).await? > 0)
    }

    /// Requires a second factor from everybody of an account, or no longer; `false` when it was so already.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn require_second_factor(
        &self,
        account: AccountId,
        required: bool,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let changed = if required {
            self.run_one(REQUIRE, args![account, at]).await?
        } else {
            self.run_one(NO_LONGER_REQUIRE, args![account]).await?
        };
        Ok(changed > 0)
    }

    /// Since when an account requires a second factor from everybody.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn second_factor_required_since(
        &self,
        account: AccountId,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.row(REQUIRED_SINCE, args![account], read_time).await
    }

    /// Whether the account requires a second factor and the user has none that counts.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn owes_second_factor(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        let found = self.row(IS_OWED, args![account, user], read_count);
        Ok(found.await?.is_some_and(|count| count > 0))
    }

    async fn changes_first(&self, statements: Vec<Statement>) -> Result<bool, StoreError> {
        let changed = self.run(statements).await?;
        Ok(changed.first().is_some_and(|rows| *rows > 0))
    }
}

fn recovery_codes(
    account: AccountId,
    user: UserId,
    code_hashes: &[[u8; 32]],
) -> impl Iterator<Item = Statement> {
    let add = move |hash: &[u8; 32]| {
        Statement::new(ADD_RECOVERY_CODE, args![account, user, hash.as_slice()])
    };
    code_hashes.iter().map(add)
}

fn read_time(row: &mut Reader<'_>) -> Result<Timestamp, StoreError> {
    row.time()
}

fn read_factor(row: &mut Reader<'_>) -> Result<SecondFactor, StoreError> {
    Ok(SecondFactor {
        account: AccountId(row.uuid()?),
        user: UserId(row.uuid()?),
        secret: row.bytes()?,
        created_at: row.time()?,
        confirmed_at: row.optional_time()?,
        last_step: row.int()?,
        refused: row.int()?,
        refused_at: row.optional_time()?,
    })
}

fn read_pending(row: &mut Reader<'_>) -> Result<PendingSignIn, StoreError> {
    Ok(PendingSignIn {
        token_hash: row.bytes()?,
        account: AccountId(row.uuid()?),
        user: UserId(row.uuid()?),
        tries: row.int()?,
        created_at: row.time()?,
        expires_at: row.time()?,
    })
}
