"""Dead letters: listing, showing, redriving and dropping them. Commands `dlq …`."""
