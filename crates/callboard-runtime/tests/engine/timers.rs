use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use callboard_core::declaration::{ActionTimer, ActorKind};
use callboard_core::timer::CatchUp;
use callboard_core::{Code, Error};

use crate::fixture::{Engine, Scripted, keep};

fn ticking(catch_up: CatchUp, broken: &Arc<AtomicBool>) -> Scripted {
    let broken = Arc::clone(broken);
    Scripted::new("clock")
        .on("tick", move |state, _| {
            if broken.load(Ordering::Relaxed) {
                return Err(Error::new(Code::ActionFailed, "broken"));
            }
            state.push('t');
            Ok(keep(state, ""))
        })
        .with(|d| d.actions[0].timer = Some(ActionTimer { every: Duration::from_secs(30), catch_up }))
}

#[tokio::test(start_paused = true)]
async fn a_timer_activates_its_actor_every_period() {
    let engine = Engine::start(vec![ticking(CatchUp::Once, &Arc::default()).host()]).await;
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!(engine.state("clock").await, "");
    tokio::time::sleep(Duration::from_secs(62)).await;
    assert_eq!(engine.state("clock").await, "ttt");
}

#[tokio::test(start_paused = true)]
async fn downtime_is_made_up_for_as_declared() {
    for (catch_up, expected) in [(CatchUp::Once, "t"), (CatchUp::All, "tttt"), (CatchUp::Skip, "")] {
        let broken = Arc::<AtomicBool>::default();
        let engine = Engine::start(vec![ticking(catch_up, &broken).host()]).await;
        engine.stop().await;
        tokio::time::sleep(Duration::from_secs(125)).await;
        let hosts = vec![ticking(catch_up, &broken).host()];
        let again = Engine::start_on(Arc::clone(&engine.store), Arc::clone(&engine.clock), hosts, Vec::new()).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(again.state("clock").await, expected, "{catch_up:?}");
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(again.state("clock").await, format!("{expected}t"), "{catch_up:?}: the grid stays");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_whose_action_fails_comes_again_at_its_next_time() {
    let broken = Arc::new(AtomicBool::new(true));
    let engine = Engine::start(vec![ticking(CatchUp::Once, &broken).host()]).await;
    tokio::time::sleep(Duration::from_secs(45)).await;
    broken.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert_eq!(engine.state("clock").await, "t");
}

#[tokio::test(start_paused = true)]
async fn an_instance_is_timed_from_its_first_activation() {
    let template = ticking(CatchUp::Once, &Arc::default()).with(|d| d.kind = ActorKind::Unnamed);
    let engine = Engine::start(vec![template.host()]).await;
    engine.call("clock/a", "get", "").await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(engine.state("clock/a").await, "tt");
    assert_eq!(engine.operator().timers(None, 10).await.unwrap().len(), 1);
}
