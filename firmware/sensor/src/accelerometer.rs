//! Bosch's BMI160 on an I2C bus, by the driver of that name.

use crate::Source;
use bmi160::interface::I2cInterface;
use bmi160::{AccelerometerPowerMode, AccelerometerRange, Bmi160, Error, SensorSelector, SlaveAddr};
use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::I2c;

/// What the chip says when asked who it is.
const CHIP_ID: u8 = 0xd1;
/// From suspend to normal mode takes 3.8 ms.
const START_MS: u32 = 4;
/// The chip measures 100 times a second when it was just switched on; networks are trained on half of that.
const MEASUREMENTS: u8 = 2;

/// Acceleration of three axes in g, up to 4 g each, 50 times a second: means of two measurements.
#[derive(Debug)]
pub struct Accelerometer<I2C> {
    chip: Bmi160<I2cInterface<I2C>>,
    sum: [f32; 3],
    measured: u8,
}

/// Why the sensor cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SensorError<E> {
    /// The bus.
    Bus(E),
    /// Another chip answers: it says that it is `found`, and a BMI160 says 209.
    OtherChip {
        /// What it says.
        found: u8,
    },
}

impl<I2C: I2c> Accelerometer<I2C> {
    /// Looks whether a BMI160 is there and starts it.
    ///
    /// # Errors
    /// If nobody answers, or another chip.
    pub fn new(i2c: I2C, address: SlaveAddr, delay: &mut impl DelayNs) -> Result<Self, SensorError<I2C::Error>> {
        let mut chip = Bmi160::new_with_i2c(i2c, address);
        let found = chip.chip_id().map_err(bus)?;
        if found != CHIP_ID {
            return Err(SensorError::OtherChip { found });
        }
        chip.set_accel_power_mode(AccelerometerPowerMode::Normal).map_err(bus)?;
        delay.delay_ms(START_MS);
        chip.set_accel_range(AccelerometerRange::G4).map_err(bus)?;
        Ok(Self { chip, sum: [0.0; 3], measured: 0 })
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.chip.destroy()
    }
}

fn bus<E>(error: Error<E>) -> SensorError<E> {
    match error {
        Error::Comm(error) => SensorError::Bus(error),
        // The driver gives this for its other sensors only; the chip would be one that it does not know.
        Error::InvalidInputData => SensorError::OtherChip { found: 0 },
    }
}

impl<I2C: I2c> Source<3> for Accelerometer<I2C> {
    type Error = SensorError<I2C::Error>;

    fn sample(&mut self) -> Result<Option<[f32; 3]>, Self::Error> {
        if !self.chip.status().map_err(bus)?.accel_data_ready {
            return Ok(None);
        }
        let data = self.chip.data_scaled(SensorSelector::new().accel()).map_err(bus)?;
        let Some(now) = data.accel else { return Ok(None) };
        for (sum, value) in self.sum.iter_mut().zip([now.x, now.y, now.z]) {
            *sum += value;
        }
        self.measured += 1;
        if self.measured < MEASUREMENTS {
            return Ok(None);
        }
        let mean = self.sum.map(|sum| sum / f32::from(MEASUREMENTS));
        (self.sum, self.measured) = ([0.0; 3], 0);
        Ok(Some(mean))
    }
}
