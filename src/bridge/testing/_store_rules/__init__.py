"""Tests of the rules that every checkpoint store must follow."""
