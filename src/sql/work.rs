//! Counts the steps of reading a text. Only tests count, to assert that reading takes linear time.

#[cfg(test)]
thread_local! {
    /// The number of steps that this thread has taken so far.
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts `steps` steps. Does nothing outside tests.
#[inline]
pub(super) fn count_steps(steps: usize) {
    #[cfg(test)]
    STEPS.with(|counted| counted.set(counted.get() + steps as u64));
    #[cfg(not(test))]
    let _ = steps;
}

/// Returns the number of steps that `read` takes.
#[cfg(test)]
pub(super) fn steps_of(read: impl FnOnce()) -> u64 {
    let before = STEPS.with(std::cell::Cell::get);
    read();
    STEPS.with(std::cell::Cell::get) - before
}
