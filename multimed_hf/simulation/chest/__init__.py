"""The chest: findings and the radiographs that show them."""
