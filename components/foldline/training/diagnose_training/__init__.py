"""Says what holds a model's training back: too few rows, too much or too little freedom, the size of its batches."""
