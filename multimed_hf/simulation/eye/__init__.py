"""The eye: B-scans of the retina and photographs of the fundus."""
