//! Arrays, images and tables from files, normalised for a model.
