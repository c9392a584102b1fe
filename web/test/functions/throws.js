throw new Error('it does not want to');
