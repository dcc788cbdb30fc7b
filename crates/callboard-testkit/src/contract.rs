//! The contract suite of [`Store`]: one function per law, each named as a sentence.
//!
//! A store's `tests/` folder says [`crate::store_contract!`] and gets each law as a test of its own.

#![expect(clippy::unwrap_used, reason = "the suite is test code: a store that fails ends the test")]

use std::sync::Arc;

use callboard_core::port::Store;

mod comparison;
mod deletion;
mod fences;
mod fixture;
mod guards;
mod letters;
mod listing;
mod outbox;
mod publications;
mod registrations;
mod replies;
mod retention;
mod revisions;
mod script;
mod timers;

pub use comparison::{Open, compare_with_memory};

/// Calls a macro with the name of every law, by module.
#[doc(hidden)]
#[macro_export]
macro_rules! for_every_store_law {
    ($then:path $(, $argument:tt)*) => {
        $then! {
            [$($argument)*]
            deletion: a_deleted_actor_leaves_nothing_of_its_own;
            deletion: a_deleted_actor_begins_anew_at_revision_one;
            deletion: a_named_actor_that_is_deleted_keeps_its_place_in_the_topics;
            fences: a_shard_that_nobody_took_takes_no_batch;
            fences: an_older_fence_is_refused_once_the_shard_was_taken_again;
            fences: the_fence_of_every_batch_is_checked;
            guards: a_publication_is_handled_once_by_each_subscription;
            guards: a_cursor_may_go_anywhere_in_another_epoch;
            guards: an_effect_is_consumed_once;
            guards: a_timer_fires_once_for_each_due_time;
            guards: a_dead_letter_is_dropped_once_and_a_parked_subscription_goes_on_once;
            guards: a_refused_batch_leaves_nothing_behind;
            guards: a_refused_batch_leaves_the_others_of_the_call_untouched;
            guards: a_guard_sees_what_the_batch_wrote_before_it;
            guards: a_batch_without_an_actor_cannot_write_a_state;
            letters: dead_letters_are_kept_in_full_and_listed_oldest_first;
            letters: a_dead_letter_that_is_there_already_is_not_written_again;
            letters: parked_subscriptions_are_kept_in_full_and_parking_again_renews_the_reason;
            listing: actors_are_listed_by_declared_name_prefix_and_page;
            listing: a_listing_shows_revision_tags_and_time_and_knows_who_came_when;
            listing: topics_are_listed_by_pattern_and_page;
            outbox: effects_come_in_the_order_of_their_due_times_in_pages;
            outbox: an_effect_waits_as_it_was_written;
            outbox: an_effect_that_is_there_already_is_not_written_again;
            outbox: only_who_asked_for_an_effect_cancels_it;
            publications: each_topic_counts_from_one_without_a_hole;
            publications: marks_grow_in_commit_order_over_all_topics;
            publications: a_publication_is_read_as_it_was_announced;
            publications: a_log_is_read_from_any_place_in_pages;
            publications: the_bounds_of_a_log_are_its_first_and_its_newest;
            publications: a_time_finds_the_mark_before_everything_at_or_after_it;
            publications: the_watermark_never_moves_back;
            registrations: a_new_subscription_hears_what_is_published_after_it;
            registrations: who_registers_again_goes_on_where_it_stood;
            registrations: who_comes_back_after_an_absence_finds_the_watermark_where_it_left;
            registrations: an_instance_hears_from_the_later_of_registration_and_its_creation_on;
            registrations: declared_timers_are_armed_once_and_follow_their_declaration;
            registrations: a_registration_commits_nothing_that_others_could_hear;
            replies: the_first_reply_under_a_key_stays;
            replies: a_thousand_replies_are_kept_per_actor_and_the_oldest_leave_first;
            retention: what_is_too_old_or_too_much_leaves_the_log;
            retention: a_swept_log_keeps_its_numbers;
            retention: what_a_subscriber_has_not_seen_is_never_swept;
            retention: what_a_parked_subscription_waits_for_is_never_swept;
            retention: a_sweep_goes_on_in_small_steps_until_it_is_done;
            retention: a_topic_whose_rule_became_ephemeral_is_emptied_by_that_rule;
            retention: replies_leave_after_a_day;
            revisions: a_state_is_committed_only_on_top_of_the_revision_before_it;
            revisions: batches_of_one_call_build_on_each_other;
            revisions: what_was_committed_is_loaded_as_it_was;
            revisions: an_actor_of_which_nothing_was_stored_is_not_there;
            revisions: an_actor_that_has_no_state_yet_is_at_revision_zero;
            revisions: the_last_hundred_revisions_can_be_read_and_no_older_one;
            revisions: an_actor_is_read_as_it_was_at_a_time;
            revisions: a_key_saves_the_look_up_and_changes_nothing_else;
            revisions: tags_are_replaced_as_a_whole;
            timers: a_timer_that_is_armed_stays_as_it_is;
            timers: a_timer_that_fired_keeps_its_period_and_gets_a_new_due_time;
            timers: timers_come_in_the_order_of_due_time_actor_and_name_in_pages;
            timers: a_timer_outlives_what_happens_to_the_state;
        }
    };
}

macro_rules! check_by_name {
    ([] $($module:ident: $law:ident;)*) => {
        /// Checks one law on an empty store that nobody else uses.
        ///
        /// # Panics
        /// When the law does not hold, or when there is no law of that name.
        pub async fn check(law: &str, store: Arc<dyn Store>) {
            match law {
                $(stringify!($law) => Box::pin($module::$law(store)).await,)*
                unknown => panic!("there is no law {unknown}"),
            }
        }
    };
}
for_every_store_law!(check_by_name);

#[doc(hidden)]
#[macro_export]
macro_rules! store_contract_tests {
    ([$open:ident] $($module:ident: $law:ident;)*) => {
        $(#[tokio::test]
        async fn $law() {
            // What else `open` returns (a folder, say) lives as long as the test.
            let (store, _guard) = $open().await;
            $crate::contract::check(stringify!($law), store).await;
        })*
    };
}

/// Makes each law of [`Store`] a `#[tokio::test]` of the calling module.
///
/// The argument is the name of an `async fn() -> (Arc<dyn Store>, G)` that opens an empty store; `G` is kept until the
/// test is over.
#[macro_export]
macro_rules! store_contract {
    ($open:ident) => {
        $crate::for_every_store_law!($crate::store_contract_tests, $open);
    };
}
