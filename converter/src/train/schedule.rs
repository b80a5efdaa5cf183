//! The learning rate over time.

use super::config::{Schedule, ScheduleKind};

impl Schedule {
    /// The factor of the rate for `step`, counted from the start of training, with `per_epoch` steps in each of `epochs`.
    pub fn factor(&self, step: u64, per_epoch: u64, epochs: usize) -> f64 {
        let epoch = step as f64 / per_epoch.max(1) as f64;
        if epoch < self.warm_up {
            // The rate at the end of the step: with that of its begin, the first would be lost.
            return ((step + 1) as f64 / per_epoch.max(1) as f64 / self.warm_up).min(1.0);
        }
        let length = epochs as f64 - self.warm_up;
        let progress = if length > 0.0 { ((epoch - self.warm_up) / length).min(1.0) } else { 1.0 };
        match self.kind {
            ScheduleKind::Constant => 1.0,
            ScheduleKind::Cosine => {
                self.floor + (1.0 - self.floor) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
            ScheduleKind::Step => {
                let steps = self.every.map_or(0.0, |every| (epoch / every).floor());
                self.factor.unwrap_or(0.1).powf(steps)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_is_a_line_and_the_cosine_ends_at_its_floor() {
        let cosine = Schedule { kind: ScheduleKind::Cosine, warm_up: 2.0, floor: 0.1, ..Schedule::default() };
        let at = |step| cosine.factor(step, 4, 10);
        assert_eq!([at(0), at(3), at(7), at(8)], [0.125, 0.5, 1.0, 1.0]);
        assert!((at(24) - 0.55).abs() < 1e-12 && (at(40) - 0.1).abs() < 1e-12);
        assert_eq!(Schedule::default().factor(7, 1, 10), 1.0);
    }

    #[test]
    fn steps_multiply() {
        let step = Schedule { kind: ScheduleKind::Step, every: Some(3.0), factor: Some(0.5), ..Schedule::default() };
        let factors: Vec<f64> = [0, 29, 30, 80, 90].map(|s| step.factor(s, 10, 10)).to_vec();
        assert_eq!(factors, [1.0, 1.0, 0.5, 0.25, 0.125]);
    }
}
