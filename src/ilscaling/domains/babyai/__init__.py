"""BabyAI: missions in words, a partial view, and a reward at the end alone (Chevalier-Boisvert et
al., ICLR 2019), by Farama's `minigrid`, whose bot plays the demonstrations."""
