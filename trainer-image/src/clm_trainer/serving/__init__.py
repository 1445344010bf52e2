"""Published models at work: what a trading bot, the shadow test and the monitor call."""
