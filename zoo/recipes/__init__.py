"""Recipes of published systems on ImageNet, which cannot be carried along."""
