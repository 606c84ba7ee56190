//! Which pool a site's visits draw from: rules in order.

use ringfence_model::{AccountId, NumberId, PoolId, PoolRule, SiteId};

use crate::bulk::json;
use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! rule_columns {
    () => {
        "account, site, wanted, pool, number"
    };
}

const RULES_OF_SITE: &str = concat!(
    "SELECT ",
    rule_columns!(),
    " FROM pool_rules WHERE account = $1 AND site = $2 ORDER BY position"
);
const RULES: &str = concat!(
    "SELECT ",
    rule_columns!(),
    " FROM pool_rules WHERE account = $1 ORDER BY site, position"
);
const RULES_OF_NUMBER: &str = concat!(
    "SELECT ",
    rule_columns!(),
    " FROM pool_rules WHERE account = $1 AND number = $2 ORDER BY site, position"
);
const FORGET_RULES: &str = "DELETE FROM pool_rules WHERE account = $1 AND site = $2";
const ADD_RULE: &str = "INSERT INTO pool_rules (account, site, position, wanted, pool, number) \
    VALUES ($1, $2, $3, $4, $5, $6)";

impl Db {
    /// The rules of a site, in their order.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn pool_rules(
        &self,
        account: AccountId,
        site: SiteId,
    ) -> Result<Vec<PoolRule>, StoreError> {
        self.rows(RULES_OF_SITE, args![account, site], read_rule)
            .await
    }
    /// The rules of all of an account's sites, each site's in their order.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn all_pool_rules(&self, account: AccountId) -> Result<Vec<PoolRule>, StoreError> {
        self.rows(RULES, args![account], read_rule).await
    }
    /// The rules that show a number as a fixed one.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn pool_rules_of_number(
        &self,
        account: AccountId,
        number: NumberId,
    ) -> Result<Vec<PoolRule>, StoreError> {
        self.rows(RULES_OF_NUMBER, args![account, number], read_rule)
            .await
    }
    /// Puts these rules in the place of a site's, all of them or none.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the site, a pool or a number is not the account's.
    pub async fn set_pool_rules(
        &self,
        account: AccountId,
        site: SiteId,
        rules: &[PoolRule],
    ) -> Result<(), StoreError> {
        let mut statements = vec![Statement::new(FORGET_RULES, args![account, site])];
        for (position, rule) in (0_i64..).zip(rules) {
            let args = args![
                account,
                site,
                position,
                json(&rule.wish)?,
                rule.pool,
                rule.number,
            ];
            statements.push(Statement::new(ADD_RULE, args));
        }
        self.run(statements).await.map(drop)
    }
}

fn read_rule(row: &mut Reader<'_>) -> Result<PoolRule, StoreError> {
    Ok(PoolRule {
        account: AccountId(row.uuid()?),
        site: SiteId(row.uuid()?),
        wish: row.json()?,
        pool: PoolId(row.uuid()?),
        number: row.optional_uuid()?.map(NumberId),
    })
}
