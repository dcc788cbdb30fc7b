//! Calls that happen once, however often they are sent.

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

/// Takes money from an account.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "bank.Withdraw")]
pub struct Withdraw {
    /// How much, in cents.
    pub amount: u64,
}

/// What an account remembers.
#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
#[message(name = "bank.Account")]
pub struct Account {
    /// What is in it, in cents.
    pub balance: u64,
}

// The bank begins every account with a present.
impl Default for Account {
    fn default() -> Self {
        Self { balance: 10_000 }
    }
}

/// An account: `account/<number>`. Nothing in it is about retries: the caller's key is enough.
#[derive(Debug)]
pub struct Accounts;

#[actor(name = "account", kind = unnamed, state = Account)]
impl Accounts {
    #[action]
    fn withdraw(&self, account: Account, withdraw: Withdraw) -> Result<Value<Account, Account>> {
        let rest = account.balance.checked_sub(withdraw.amount);
        let balance = rest.ok_or_else(|| Error::conflict(format!("there are only {}", account.balance)))?;
        Ok(Value::response(Account { balance }).state(Account { balance }))
    }
}

/// Withdraws for a payment, whatever happens on the way. The payment's own id is the key: whoever tries again, in this
/// process or after a crash in the next, gets the answer of the first time.
///
/// # Errors
/// The account's refusal, or after three attempts the platform's.
pub async fn pay(bank: &impl Caller, account: &str, payment_id: &str, amount: u64) -> Result<Account, CallError> {
    let mut attempt = 1;
    loop {
        match Accounts::at(bank, account).withdraw(Withdraw { amount }).key(payment_id.to_owned()).await {
            // With a key it does not matter whether it was done and only the answer was lost.
            Err(error) if error.retry() != callboard::core::Retry::Never && attempt < 3 => attempt += 1,
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use callboard::testing::TestSystem;

    use super::*;

    #[callboard::test(TestSystem::builder().actor(Accounts))]
    async fn the_same_payment_is_withdrawn_once(bank: TestSystem) {
        for _ in 0..3 {
            assert_eq!(pay(&bank, "ada", "payment-1", 3_000).await.unwrap().balance, 7_000);
        }
        assert_eq!(pay(&bank, "ada", "payment-2", 3_000).await.unwrap().balance, 4_000);
        assert_eq!(bank.state::<Account>("account/ada").await.unwrap().unwrap().balance, 4_000);
    }

    #[callboard::test(TestSystem::builder().actor(Accounts))]
    async fn the_same_key_for_another_payment_is_a_mistake_and_is_told(bank: TestSystem) {
        pay(&bank, "ada", "payment-1", 3_000).await.unwrap();
        assert_eq!(pay(&bank, "ada", "payment-1", 4_000).await.unwrap_err().code(), Code::IdempotencyMismatch);
    }

    #[callboard::test(TestSystem::builder().actor(Accounts))]
    async fn a_refusal_is_not_recorded(bank: TestSystem) {
        assert_eq!(pay(&bank, "ada", "payment-1", 20_000).await.unwrap_err().code(), Code::Conflict);
        assert_eq!(pay(&bank, "ada", "payment-1", 5_000).await.unwrap().balance, 5_000);
    }
}
