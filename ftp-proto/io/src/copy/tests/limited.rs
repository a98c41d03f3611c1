//! Budgets of files and rates that copies share.

use super::*;

/// A budget of so many bytes.
#[derive(Debug)]
struct BytesLeft(u64);

impl Budget for BytesLeft {
    fn take(&mut self, bytes: u64) -> io::Result<()> {
        self.0 = self.0.checked_sub(bytes).ok_or(io::ErrorKind::QuotaExceeded)?;
        Ok(())
    }
}

#[tokio::test]
async fn nothing_is_written_beyond_a_budget() {
    let content = sample(3_000_000, 5);
    for into in receive::all_strategies() {
        for (budget, fits) in [(3_000_000, true), (2_000_000, false)] {
            let (here, there) = pair().await;
            let sink = Sink::with_budget(tempfile::tempfile().unwrap(), Some(Box::new(BytesLeft(budget))));
            let (in_meter, out_meter) = (Meter::default(), Meter::default());
            let ((got, file), _) = tokio::join!(
                receive::receive_by(into.again(), there.into(), sink, &in_meter),
                send(file_with(&content), 0, here, Coding::Image, &out_meter),
            );
            let written = content_of(file).len() as u64;
            match got.end {
                CopyEnd::Whole => assert!(fits, "{into:?}: {written}"),
                CopyEnd::File(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded, "{into:?}");
                    assert!(!fits && written <= budget, "{into:?}: {written}");
                }
                other @ (CopyEnd::Broken(_) | CopyEnd::Stopped) => panic!("{into:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_limited_copy_moves_every_byte_and_can_be_stopped_while_it_rests() {
    let content = sample(600_000, 7);
    let clock = crate::clock::Clock::start();
    for into in receive::all_strategies().into_iter().filter(|into| !into.is_ascii()) {
        let (here, there) = pair().await;
        let limited = |rate: u64| {
            let rate = rate.try_into().unwrap();
            Meter::limited(vec![crate::limiter::Limiter::new(rate, clock)])
        };
        let (in_meter, out_meter) = (limited(3_000_000), limited(4_000_000));
        let ((got, file), sent) = tokio::join!(
            receive::receive_by(into.again(), there.into(), tempfile::tempfile().unwrap(), &in_meter),
            send(file_with(&content), 0, here, Coding::Image, &out_meter),
        );
        assert!(matches!((got.end, sent.end), (CopyEnd::Whole, CopyEnd::Whole)), "{into:?}");
        assert!(content_of(file) == content, "{into:?}");
    }
    let (here, _there) = pair().await;
    let slow = Meter::limited(vec![crate::limiter::Limiter::new(100.try_into().unwrap(), clock)]);
    let stop = async {
        moved(&slow, 1).await;
        slow.stop();
    };
    let (sent, ()) = tokio::join!(send(file_with(&content), 0, here, Coding::Image, &slow), stop);
    assert!(matches!(sent.end, CopyEnd::Stopped), "{:?}", sent.end);
    assert!(sent.bytes < 600_000, "{}", sent.bytes);
}
